import { CandlewireError } from "../error.ts";
import { type EpochMs, epochMs, steadyClock } from "../market/epoch.ts";
import type { TableBatch } from "../market/table.ts";
import type { RefillRequest } from "./gap_ledger.ts";
import type { Intake } from "./intake.ts";
import type { MarketSource } from "./source/market_source.ts";
import { wait } from "../wait.ts";

/** Options of the loops that ask by REST. */
export type RestLoopOptions = {
  /** Where rows go. */
  push: (batch: TableBatch) => void;
  /** Waits until rows are welcome. */
  room: (signal: AbortSignal) => Promise<void>;
  /** A failure that is tried again. */
  onFailure: (error: unknown) => void;
};

/** Trades that one request brings. */
const PAGE = 1_000;

/** Looks for due ranges this often. */
const IDLE_MS = 100;

/** A refusal that a person has to end, such as a blocked region, may end at any time: few requests, and no long wait after it. */
const OPERATOR_RETRY_MS = 10_000;

/** Asks the exchange for what is missing, one range at a time, until the signal aborts (I3). */
export async function refillGaps(
  source: MarketSource,
  intake: Intake,
  options: RestLoopOptions & { signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  while (!signal.aborted) {
    const now = steadyClock();
    const trades = intake.trades.due(now);
    const klines = trades === undefined ? intake.klines.due(now) : undefined;
    const request = trades ?? klines;
    if (request === undefined) {
      await wait(IDLE_MS, signal);
      continue;
    }
    await options.room(signal);
    try {
      options.push(
        trades !== undefined
          ? await refillTrades(source, intake, trades, signal)
          : await refillKlines(source, intake, request, signal),
      );
    } catch (error) {
      if (signal.aborted) return;
      options.onFailure(error);
      if (isRefused(error)) {
        // The exchange knows neither symbol nor range: asking for ever would hold up all other gaps.
        (trades !== undefined ? intake.trades : intake.klines).refused(request, steadyClock());
        options.push(intake.take([], steadyClock()));
      }
      await wait(retryDelayMs(error), signal);
    }
  }
}

/** How long a failed request waits: as long as the exchange says, a minute at most so that a stop is seen. */
export function retryDelayMs(error: unknown): number {
  if (error instanceof CandlewireError) {
    if (typeof error.details.retryAfterMs === "number") {
      return Math.max(100, Math.min(60_000, error.details.retryAfterMs));
    }
    if (error.retry === "operator") return OPERATOR_RETRY_MS;
  }
  return 500 + Math.random() * 1_000;
}

async function refillTrades(
  source: MarketSource,
  intake: Intake,
  request: RefillRequest,
  signal: AbortSignal,
): Promise<TableBatch> {
  const rows = await source.trades(request.symbol, request.first, PAGE, signal);
  return intake.refilledTrades(request, rows, steadyClock());
}

async function refillKlines(
  source: MarketSource,
  intake: Intake,
  request: RefillRequest,
  signal: AbortSignal,
): Promise<TableBatch> {
  const to: EpochMs = epochMs(Math.min(request.last + 60_000, request.first + PAGE * 60_000));
  const asked = { ...request, last: to - 60_000 };
  const rows = await source.klines(request.symbol, epochMs(request.first), to, signal);
  return intake.refilledKlines(asked, rows, steadyClock());
}

function isRefused(error: unknown): boolean {
  return error instanceof CandlewireError && error.code === "source.refused";
}
