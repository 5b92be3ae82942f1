import { APP_ID } from '../constants';
import { pathOf, proxyAddress, type Parameters, type ProxyRoute } from '../model/address';
import { foreignAnswer, problemOf, timeoutProblem, type Problem } from '../model/problem';
import type {
  Book,
  CompletenessRow,
  DeadLetter,
  KlineRow,
  LogLine,
  Marked,
  Module,
  ModuleAction,
  Page,
  Pipeline,
  Replay,
  ReplayRequest,
  RetryChoice,
  Ticker,
  TradeLineage,
  TradeRow,
  WindowLength,
  WindowRow,
} from './types';

const READ_TIMEOUT_MS = 20_000;
/** A change of a module's state is answered after 20 s at the latest. */
const CHANGE_TIMEOUT_MS = 35_000;

/** A failed call; {@link Problem} says why and what to do. */
export class ControlApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'ControlApiError';
    this.problem = problem;
  }
}

export type ControlApiOptions = {
  /** Where Grafana is served below its host, `/grafana` or empty. */
  subUrl: string;
  orgId: number;
  /** Grafana's user, as text for the audit log; who may do what is decided by Grafana's permission and the token. */
  actor: string;
  /** Told of every answer's origin (I8). */
  onMarked(marked: Marked): void;
};

type ReadOptions = { signal?: AbortSignal };
type SymbolRange = { symbol: string; limit: number; order?: 'asc' | 'desc' };

/**
 * The control API as the app sees it: by Grafana's plugin proxy, which holds the tokens. Rejects with {@link ControlApiError}, or
 * with the signal's own reason when the caller gave up.
 */
export class ControlApi {
  readonly #options: ControlApiOptions;

  constructor(options: ControlApiOptions) {
    this.#options = options;
  }

  /** The address of a GET route, for streams. */
  readAddress(path: string, parameters?: Parameters): string {
    return this.#address('read', path, parameters);
  }

  pipeline(options?: ReadOptions) {
    return this.#read<Pipeline>('pipeline', {}, options);
  }

  tickers(query: { limit: number; orderBy: string; cursor?: string }, options?: ReadOptions) {
    return this.#read<Page<Ticker>>('market/tickers', query, options);
  }

  klines(query: SymbolRange, options?: ReadOptions) {
    return this.#read<Page<KlineRow>>('market/klines', query, options);
  }

  trades(query: SymbolRange, options?: ReadOptions) {
    return this.#read<Page<TradeRow>>('market/trades', query, options);
  }

  aggregates(query: SymbolRange & { window: WindowLength }, options?: ReadOptions) {
    return this.#read<Page<WindowRow>>('market/aggregates', query, options);
  }

  book(symbol: string, options?: ReadOptions) {
    return this.#read<Page<Book>>('market/order-book', { symbol }, options);
  }

  completeness(query: { symbol?: string; limit: number; cursor?: string | null }, options?: ReadOptions) {
    return this.#read<Page<CompletenessRow>>('completeness', query, options);
  }

  lineage(symbol: string, tradeId: string, options?: ReadOptions) {
    return this.#read<{ lineage: TradeLineage; record: unknown; recordNote: string | null }>(
      `lineage/trades/${pathOf(symbol, tradeId)}`,
      {},
      options
    );
  }

  modules(options?: ReadOptions) {
    return this.#read<{ modules: Module[] }>('modules', {}, options);
  }

  logs(name: string, query: { after?: number; limit: number }, options?: ReadOptions) {
    return this.#read<{ lines: LogLine[]; next: number }>(`modules/${pathOf(name)}/logs`, query, options);
  }

  actOnModule(name: string, action: ModuleAction) {
    return this.#change<{ module: Module }>('POST', `modules/${pathOf(name, action)}`);
  }

  approveModule(name: string, digest: string) {
    return this.#change<{ module: Module }>('POST', `modules/${pathOf(name)}/approve`, { digest });
  }

  deadLetters(
    query: { limit: number; cursor?: string | null; code?: string; topic?: string },
    options?: ReadOptions
  ) {
    return this.#read<Page<DeadLetter>>('dead-letters', query, options);
  }

  deadLetter(id: string, options?: ReadOptions) {
    return this.#read<{ deadLetter: DeadLetter }>(`dead-letters/${pathOf(id)}`, {}, options);
  }

  retryDeadLetters(which: RetryChoice) {
    return this.#change<{ retried: number; stored: number; failed: number }>('POST', 'dead-letters/retry', which);
  }

  dropDeadLetter(id: string) {
    return this.#change<{ id: string; dropped: true }>('DELETE', `dead-letters/${pathOf(id)}`);
  }

  replays(options?: ReadOptions) {
    return this.#read<{ replays: Replay[] }>('replays', {}, options);
  }

  startReplay(request: ReplayRequest) {
    return this.#change<{ replay: Replay }>('POST', 'replays', request);
  }

  cancelReplay(id: string) {
    return this.#change<{ replay: Replay }>('DELETE', `replays/${pathOf(id)}`);
  }

  #address(route: ProxyRoute, path: string, parameters?: Parameters): string {
    return proxyAddress({ subUrl: this.#options.subUrl, appId: APP_ID, route }, path, parameters);
  }

  #read<Answer>(path: string, parameters: Parameters, { signal }: ReadOptions = {}) {
    const init: RequestInit = { method: 'GET', headers: this.#headers() };
    return this.#call<Answer>(`Read ${path}`, this.#address('read', path, parameters), init, READ_TIMEOUT_MS, signal);
  }

  #change<Answer>(method: 'POST' | 'DELETE', path: string, body?: unknown) {
    const init: RequestInit = {
      method,
      headers: {
        ...this.#headers(),
        // Also without a body: the control API takes changes as JSON only.
        'content-type': 'application/json',
        'candlewire-actor': encodeURIComponent(this.#options.actor),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    };
    return this.#call<Answer>(`${method} ${path}`, this.#address('operate', path), init, CHANGE_TIMEOUT_MS);
  }

  #headers(): Record<string, string> {
    return { accept: 'application/json', 'x-grafana-org-id': String(this.#options.orgId) };
  }

  async #call<Answer>(
    what: string,
    address: string,
    init: RequestInit,
    timeoutMs: number,
    signal?: AbortSignal
  ): Promise<Answer & Marked> {
    const controller = new AbortController();
    const giveUp = () => controller.abort();
    signal?.addEventListener('abort', giveUp);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, timeoutMs);
    try {
      const response = await fetch(address, {
        ...init,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: controller.signal,
      });
      const body = parsed(await response.text());
      if (!response.ok) {
        throw new ControlApiError(problemOf({ status: response.status, body, what }));
      }
      if (!isAnswer(body)) {
        throw new ControlApiError(foreignAnswer(what));
      }
      this.#options.onMarked({ origin: body.origin, simulated: body.simulated });
      return body as Answer & Marked;
    } catch (error) {
      if (error instanceof ControlApiError || signal?.aborted === true) {
        throw error;
      }
      throw new ControlApiError(
        late ? timeoutProblem(what, timeoutMs) : problemOf({ status: 0, body: undefined, what })
      );
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** An answer of the control API says whether it is simulated (I8); what does not is another server's. */
function isAnswer(body: unknown): body is Marked {
  return typeof body === 'object' && body !== null && 'simulated' in body && typeof body.simulated === 'boolean';
}
