import { adviceText, CandlewireError, errorText } from "../error.ts";
import type { ModuleContext } from "../host/module_context.ts";
import { steadyClock } from "../market/epoch.ts";
import type { StatsRow } from "../market/table.ts";
import { syncBooks } from "./book_sync.ts";
import { chooseSymbols, type Market } from "./choose_symbols.ts";
import type { ProducerConfig } from "./config.ts";
import { fetchHistory } from "./history.ts";
import { Intake } from "./intake.ts";
import { refillGaps, retryDelayMs } from "./refiller.ts";
import { Report } from "./report.ts";
import { checkRows } from "./row_check.ts";
import type { MarketSource } from "./source/market_source.ts";
import { followSourceClock, type SourceClock } from "./source_clock.ts";
import { wait } from "../wait.ts";
import type { MarketTables } from "./table/market_table.ts";
import { type PartitionRange, WriteQueue } from "./write_queue.ts";

/** What {@linkcode runProducer} works with. */
export type ProducerParts = {
  source: MarketSource & {
    readonly weightUsed?: number;
    /** Its clock minus ours, ms. */
    clockOffset?(signal: AbortSignal): Promise<number>;
  };
  tables: MarketTables;
  config: ProducerConfig;
  /** Null: the 20 with the highest quote volume. */
  symbols: string[] | null;
  report: Report;
};

/** A write takes milliseconds; one that takes longer than this is held up, and the state says so (I7). */
const UNANSWERED_MS = 3_000;

/** Cadences are looked at this often. */
const TICK_MS = 50;

/** Whether statistics are due is looked at this often; after a break they are taken no sooner than the last. */
const STATS_CHECK_MS = 250;
const STATS_MIN_MS = 5_000;

/**
 * The producer: follows the source's events, keeps books, finds and refills gaps, and writes rows, until the
 * context's signal aborts and what is queued is written. Rejects when a newer instance has taken over, or when no
 * symbol asked for trades.
 */
export async function runProducer(context: ModuleContext, parts: ProducerParts): Promise<void> {
  const { source, tables, config, report } = parts;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const written = new AbortController();
  const giveUp = new AbortController();
  let intake: Intake | undefined;
  const clock: SourceClock = { offsetMs: source.clockOffset === undefined ? 0 : undefined };
  const queue = new WriteQueue(tables, {
    maxBatchRows: config.maxBatchRows,
    maxQueuedRows: config.maxQueuedRows,
    lingerMs: config.lingerMs,
    makePartitions: (range) => makePartitions(context, range),
    onWritten: (counts) => report.written(counts),
    onFiltered: (rule, table, rows) => report.filtered(rule, table, rows),
    onBadRow: (table, row, reason) => {
      report.badRow(table, row, reason);
      if (table === "recent_trades" && intake !== undefined) {
        intake.trades.unstorable(row.symbol as string, row.trade_id as number, steadyClock());
      }
    },
    onBlocked: (error) => {
      if (error === null) context.log("info", "PostgreSQL takes rows again");
      else report.log("warn", error.code, `Holding rows back: ${errorText(error)}`);
    },
  });
  context.handle("rows", async (parameters) => {
    const { batch, problems } = checkRows((parameters as { batch?: unknown } | null)?.batch);
    await queue.room(signal);
    const { counts, refused } = await queue.write(batch);
    return {
      ...counts,
      refused: [...problems, ...refused.map(({ table, reason }) => ({ table, index: -1, reason }))],
    };
  });
  context.handle("books", () => intake?.books.list() ?? []);
  const loops: Promise<void>[] = [];
  const loop = (running: Promise<void>) =>
    loops.push(running.catch((error) => {
      if (!stop.signal.aborted) stop.abort(error);
    }));
  const reporter = setInterval(() => {
    if (intake !== undefined) reportState(context, parts, { queue, intake, clock });
  }, 1_000);
  const writing = queue.run(written.signal, giveUp.signal);
  writing.catch((error) => stop.abort(error));
  try {
    report.health("starting", "Asking for the market");
    const market = await untilDone(report, signal, "the market", () => source.market(signal));
    if (market === undefined) return;
    const { symbols, unknown } = chooseSymbols(market, parts.symbols);
    if (unknown.length > 0) context.log("error", `These symbols do not trade: ${unknown.join(", ")}`);
    context.log("info", `Following ${symbols.length} symbols`, { symbols: symbols.join(",") });
    const stored = await untilDone(report, signal, "what is stored", async () => ({
      trades: await tables.lastTradeIds(symbols),
      klines: await tables.lastClosedKlines(symbols),
      gaps: await tables.openGaps(),
    }));
    if (stored === undefined) return;
    const taken = intake = new Intake(symbols, config);
    taken.restore(stored);
    const stats = new Map(statsOf(market).map((row) => [row.symbol, row]));
    await fetchHistory(source, symbols, {
      config,
      stored,
      stats,
      signal,
      add: (trades, klines) => queue.push(taken.history(trades, klines, steadyClock())),
      onFailure: (error) => report.failure(error),
    });
    // After the history: what happened while down is looked for at once, not when the next trade comes.
    taken.stats(stats.values(), steadyClock());
    const rest = {
      signal,
      push: (batch: Parameters<WriteQueue["push"]>[0]) => queue.push(batch),
      room: (until: AbortSignal) => queue.room(until),
      onFailure: (error: unknown) => report.failure(error),
    };
    loop(followEvents(source, symbols, taken, queue, signal));
    loop(syncBooks(source, taken, rest));
    loop(refillGaps(source, taken, rest));
    loop(refreshStats(source, taken, config.statsRefreshMs, report, signal));
    loop(tickRows(taken, queue, signal));
    if (source.clockOffset !== undefined) {
      loop(followSourceClock(clock, (until) => source.clockOffset!(until), { intake: taken, ...rest }));
    }
    await Promise.all(loops);
    queue.push(taken.tick(steadyClock(), { all: true, heldBack: true }));
  } finally {
    stop.abort();
    clearInterval(reporter);
    report.health("stopping", `Writing ${queue.queuedRows} rows`);
    written.abort();
    const limit = setTimeout(() => giveUp.abort(), config.drainMs);
    await writing.catch(() => {});
    clearTimeout(limit);
    if (queue.queuedRows > 0) {
      // Their ids are asked for again at the next start (I3).
      context.log(
        "warn",
        `Stopped with ${queue.queuedRows} rows unwritten; they are refilled at the next start`,
      );
    }
    if (intake !== undefined) reportState(context, parts, { queue, intake, clock });
    await source[Symbol.asyncDispose]();
    await tables[Symbol.asyncDispose]();
  }
  if (!context.signal.aborted) throw stop.signal.reason;
}

async function followEvents(
  source: MarketSource,
  symbols: string[],
  intake: Intake,
  queue: WriteQueue,
  signal: AbortSignal,
): Promise<void> {
  for await (const events of source.events(symbols, signal)) {
    queue.push(intake.take(events, steadyClock()));
    // While this waits, the source does not read: what the exchange sends meanwhile stays with it (I10).
    await queue.room(signal);
  }
}

async function tickRows(intake: Intake, queue: WriteQueue, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await wait(TICK_MS, signal);
    // Few rows, bounded by the cadence: a bulk of trades must not starve them, only a database that is away.
    if (queue.blocked && queue.full) continue;
    queue.push(intake.tick(steadyClock(), { heldBack: queue.full }));
  }
}

async function refreshStats(
  source: MarketSource,
  intake: Intake,
  everyMs: number,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  let connects = intake.connects;
  let takenAt = performance.now();
  while (!signal.aborted) {
    await wait(STATS_CHECK_MS, signal);
    const age = performance.now() - takenAt;
    // After a break at once: a symbol that went quiet meanwhile tells of itself in no stream.
    const broke = intake.connects > connects && age > STATS_MIN_MS;
    if (signal.aborted || (age < everyMs && !broke)) continue;
    connects = intake.connects;
    takenAt = performance.now();
    try {
      intake.stats(statsOf(await source.market(signal)), steadyClock());
    } catch (error) {
      if (!signal.aborted) report.failure(error);
    }
  }
}

function statsOf(market: Market): StatsRow[] {
  return market.flatMap(({ stats }) => stats === null ? [] : [stats]);
}

/** Tries without end, showing why it has to; undefined once the signal aborts. */
async function untilDone<T>(
  report: Report,
  signal: AbortSignal,
  what: string,
  attempt: () => Promise<T>,
): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof CandlewireError && error.code === "table.fenced") throw error;
      report.failure(error);
      const hint = error instanceof CandlewireError && error.hint !== undefined ? `. ${error.hint}` : "";
      report.health("blocked", `Asking for ${what}: ${errorText(error)}${hint}`);
      await wait(retryDelayMs(error), signal);
    }
  }
  return undefined;
}

async function makePartitions(context: ModuleContext, range: PartitionRange): Promise<"made" | "refused"> {
  try {
    await context.call("host", "postgres.partitions", range);
    return "made";
  } catch (error) {
    if (error instanceof CandlewireError && error.code === "postgres.partition_range") return "refused";
    throw error;
  }
}

function reportState(
  context: ModuleContext,
  parts: ProducerParts,
  { queue, intake, clock }: { queue: WriteQueue; intake: Intake; clock: SourceClock },
): void {
  const { metrics } = context;
  const { report, source } = parts;
  for (const ledger of [intake.trades, intake.klines]) {
    for (const [cause, by] of ledger.takeCounts()) report.count("candlewire_gaps_total", { cause }, by);
  }
  report.flush();
  const { trusted, size } = intake.books;
  const openGaps = intake.trades.openGaps + intake.klines.openGaps;
  metrics.gauge("candlewire_books_trusted", trusted);
  metrics.gauge("candlewire_open_gaps", openGaps);
  metrics.gauge("candlewire_queued_rows", queue.queuedRows);
  if (source.weightUsed !== undefined) metrics.gauge("candlewire_rest_weight_used", source.weightUsed);
  if (intake.newestEventTime !== undefined && clock.offsetMs !== undefined) {
    const lagMs = steadyClock() + clock.offsetMs - intake.newestEventTime;
    metrics.gauge("candlewire_source_lag_seconds", lagMs / 1_000);
  }
  if (context.signal.aborted) return;
  const failure = report.recentFailure();
  const { blockedBy } = queue;
  if (blockedBy !== null) {
    report.health("blocked", `PostgreSQL takes no rows: ${adviceText(blockedBy)}`);
  } else if (queue.unansweredMs > UNANSWERED_MS) {
    const seconds = Math.floor(queue.unansweredMs / 1_000);
    report.health("degraded", `PostgreSQL has not answered a write for ${seconds} s`);
  } else if (failure instanceof CandlewireError && failure.retry === "operator") {
    report.health("blocked", `${errorText(failure)}. ${failure.hint ?? ""}`);
  } else if (trusted < size || !intake.connected) {
    const why = failure === undefined ? "" : `; ${errorText(failure)}`;
    report.health(
      "degraded",
      `${intake.connected ? "Connected" : "Not connected"}, ${trusted} of ${size} books trusted${why}`,
    );
  } else report.health("running", `${size} symbols, ${openGaps} gaps open`);
}
