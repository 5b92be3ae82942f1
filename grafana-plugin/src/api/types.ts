/** The control API's answers (runtime/control/contract.md), by the runtime's own types. */
import type { Origin } from '../../../runtime/market/origin.ts';

export type { Origin };
export type { CompletenessRow, KlineRow, PriceRow, TradeRow } from '../../../runtime/market/table.ts';
export type {
  Book,
  DeadLetter,
  Page,
  StoredAlert,
  Ticker,
  TradeLineage,
  WindowLength,
  WindowRow,
} from '../../../runtime/query/market_query.ts';
export type { LogLevel, LogLine } from '../../../runtime/host/module_context.ts';
export type { Module, Pipeline, Replay, Stage, StageState } from '../../../runtime/console/types.js';

/** What every answer carries (I8). */
export type Marked = { origin: Origin; simulated: boolean };

/** An event of the stream `GET events`. */
export type LiveEvent = {
  channel: string;
  kind: 'snapshot' | 'change';
  symbol: string | null;
  /** Its form is the channel's, see contract.md. */
  data: unknown;
};

export type ModuleAction = 'start' | 'stop' | 'restart';

/** Which dead letters to retry. */
export type RetryChoice = { ids: string[] } | { all: true } | { code?: string; topic?: string };

/** The body of `POST replays`. */
export type ReplayRequest = {
  topic: string;
  partition?: number;
  from_offset?: number;
  until_offset?: number;
  from_time?: string;
  until_time?: string;
  dry_run: boolean;
  correcting: boolean;
};
