/**
 * What a panel's data answers, and what is kept from one update of it to the next. A live stream's later frames may come without
 * name and `meta.custom`: what the first frame said of its origin holds as long as the question is the same.
 */
import { DATASOURCE_ID } from '../constants.ts';
import { originOf, type FrameLike, type ShownOrigin } from './frame_reader.ts';

/** As much of Grafana's `PanelData` as is read here. */
export type AnsweredData = {
  series: readonly FrameLike[];
  request?: { targets?: readonly object[]; range?: { raw?: unknown } };
};

/** Text that is equal for the same queries over the same range. */
export function questionOf(data: AnsweredData): string {
  return JSON.stringify([data.request?.targets ?? null, data.request?.range?.raw ?? null]);
}

/** The symbol that a frame was asked for; empty when the query names none or several. */
export function askedSymbol(data: AnsweredData, refId: string | undefined): string {
  const targets = (data.request?.targets ?? []) as ReadonlyArray<{ refId?: string; symbols?: string[] }>;
  const { symbols } = targets.find((target) => target.refId === refId) ?? (targets.length === 1 ? targets[0] : {});
  return symbols?.length === 1 ? symbols[0] : '';
}

/**
 * Whether the trades are those of our own data source, whose ids the app can look up; and whether a symbol's are all asked for, so
 * that an id that is not among them is a trade that is not here.
 */
export function tradesAsked(data: AnsweredData): { own: boolean; everyId: boolean } {
  const targets = (data.request?.targets ?? []) as ReadonlyArray<{ kind?: string; filters?: unknown[]; datasource?: { type?: string } | null }>;
  const own = targets.length > 0 && targets.every(({ kind, datasource }) => kind === 'trades' && datasource?.type === DATASOURCE_ID);
  return { own, everyId: own && targets.every(({ filters }) => (filters ?? []).length === 0) };
}

/** Remembers the origin of one question's data. */
export class OriginMemory {
  #question = '';
  #origin: ShownOrigin = { simulated: false, label: null };

  /** The origin of `data`. I8: simulated once is simulated until another question is asked. */
  of(data: AnsweredData): ShownOrigin {
    const question = questionOf(data);
    const now = originOf(data.series);
    const before = question === this.#question ? this.#origin : { simulated: false, label: null };
    this.#question = question;
    this.#origin = { simulated: now.simulated || before.simulated, label: now.label ?? before.label };
    return this.#origin;
  }
}
