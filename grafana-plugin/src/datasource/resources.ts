/** What the backend tells beside queries: names for the editors. Each answer is kept for a short while. */
import type { QueryKind } from './query';
import type { ColumnInfo, TableInfo } from './types';

/** The data source's `getResource`. */
type GetResource = (path: string, params?: Record<string, string>) => Promise<unknown>;

/** An editor asks at each opening of a list; the names change by the hour. */
const KEPT_MS = 30_000;

/** The backend's resources. Each method rejects with Grafana's fetch error when the backend does not answer. */
export class Resources {
  #get: GetResource;
  #kept = new Map<string, { at: number; answer: Promise<unknown> }>();

  constructor(get: GetResource) {
    this.#get = get;
  }

  /** Names of the markets, in the backend's order. */
  async symbols(): Promise<string[]> {
    const answer = await this.#read<{ symbols?: string[] }>('symbols');
    return answer.symbols ?? [];
  }

  /** Columns that a kind answers with. */
  async columns(kind: QueryKind): Promise<ColumnInfo[]> {
    const answer = await this.#read<{ columns?: ColumnInfo[] }>('columns', { kind });
    return answer.columns ?? [];
  }

  /** Tables of the keyspace; none without Cassandra. */
  async keyspace(): Promise<TableInfo[]> {
    const answer = await this.#read<{ tables?: TableInfo[] }>('keyspace');
    return answer.tables ?? [];
  }

  /** Values of a column, for filters. */
  async values(key: string, kind: QueryKind): Promise<string[]> {
    const answer = await this.#read<{ values?: unknown[] }>('values', { key, kind });
    return (answer.values ?? []).map(String);
  }

  #read<Answer>(path: string, params: Record<string, string> = {}): Promise<Answer> {
    const key = JSON.stringify([path, params]);
    const kept = this.#kept.get(key);
    if (kept !== undefined && Date.now() - kept.at < KEPT_MS) {
      return kept.answer as Promise<Answer>;
    }
    const answer = this.#get(path, params);
    this.#kept.set(key, { at: Date.now(), answer });
    // A failure is not kept: the next opening asks again.
    answer.catch(() => this.#kept.delete(key));
    return answer as Promise<Answer>;
  }
}
