import type { EpochMs } from "../../market/epoch.ts";
import type { Change } from "../transform/transform.ts";

/** Consecutive trade ids of one symbol that came from one partition. */
export type TradeRun = {
  symbol: string;
  topic: string;
  partition: number;
  firstId: number;
  lastId: number;
  firstOffset: number;
  lastOffset: number;
};

/** The ids of one symbol's trades within one minute. */
export type TradeMinute = { symbol: string; minute: EpochMs; firstId: number; lastId: number };

/** What trades leave beside their rows: the index by minute and the lineage by run. */
export class TradeTracks {
  readonly runs: TradeRun[] = [];
  readonly minutes: TradeMinute[] = [];
  #run: TradeRun | undefined;
  #minute: TradeMinute | undefined;

  /** Takes the trades of a symbol in id order, one symbol after the other. */
  add(change: Change<"recent_trades">): void {
    const { symbol, trade_id: id, trade_time: time } = change.row;
    const run = this.#run;
    if (
      run !== undefined && (id === run.lastId + 1 || id === run.lastId) && run.symbol === symbol &&
      run.partition === change.partition && run.topic === change.topic
    ) {
      run.lastId = id;
      if (change.offset > run.lastOffset) run.lastOffset = change.offset;
      if (change.offset < run.firstOffset) run.firstOffset = change.offset;
    } else {
      this.#run = {
        symbol,
        topic: change.topic,
        partition: change.partition,
        firstId: id,
        lastId: id,
        firstOffset: change.offset,
        lastOffset: change.offset,
      };
      this.runs.push(this.#run);
    }
    const minute = minuteOf(time);
    const known = this.#minute;
    if (known !== undefined && known.minute === minute && known.symbol === symbol) {
      known.lastId = id;
    } else {
      this.#minute = { symbol, minute, firstId: id, lastId: id };
      this.minutes.push(this.#minute);
    }
  }
}

/**
 * Expired trades whose windows are still to be computed are kept this long: windows outlive trades, and computed from
 * what pruning left they would tell of fewer. Then the mark goes with them, for windows may be switched off (I10).
 */
export const WINDOW_GRACE_MS = 3_600_000;

/** The start of the minute that a time lies in. */
export function minuteOf(time: number): EpochMs {
  return (time - mod(time, 60_000)) as EpochMs;
}

function mod(value: number, by: number): number {
  const rest = value % by;
  return rest < 0 ? rest + by : rest;
}

/** Changes grouped by symbol, each group in id order; the order of equal ids is kept. */
export function bySymbol(changes: Change<"recent_trades">[]): Map<string, Change<"recent_trades">[]> {
  const groups = new Map<string, Change<"recent_trades">[]>();
  const unordered = new Set<Change<"recent_trades">[]>();
  for (const change of changes) {
    const group = groups.get(change.row.symbol);
    if (group === undefined) {
      groups.set(change.row.symbol, [change]);
      continue;
    }
    if (group[group.length - 1]!.row.trade_id > change.row.trade_id) unordered.add(group);
    group.push(change);
  }
  for (const group of unordered) group.sort((a, b) => a.row.trade_id - b.row.trade_id);
  return groups;
}
