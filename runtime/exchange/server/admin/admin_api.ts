import { z } from "zod";
import { type EpochMs, epochMs } from "../../../market/epoch.ts";
import { type ExchangeMarket, INTERVALS } from "../../market.ts";
import type { Speed, VirtualClock } from "../clock.ts";
import type { Connections } from "../connections.ts";
import type { Emissions } from "../emissions.ts";
import { type Fault, faultRequest, matches } from "../faults/fault.ts";
import type { FaultBoard } from "../faults/fault_board.ts";
import type { MarketLoop } from "../market_loop.ts";
import type { Hub } from "../stream/hub.ts";
import type { Session } from "../stream/session.ts";

/** What the admin path works on. */
export type AdminParts = {
  market: ExchangeMarket;
  clock: VirtualClock;
  hub: Hub;
  loop: MarketLoop;
  faults: FaultBoard;
  connections: Connections;
  emissions: Emissions;
  wall: () => number;
};

/** A request to `/admin/*`. `body` is what JSON said, undefined when there was none. */
export type AdminRequest = { method: string; path: string; query: URLSearchParams; body: unknown };
export type AdminAnswer = { status: number; body: unknown };

const speedRequest = z.strictObject({ speed: z.union([z.number().min(0).max(1_000_000), z.literal("max")]) });
const runRequest = z.strictObject({
  untilTrades: z.int().min(0).optional(),
  untilTime: z.int().min(0).optional(),
  /** False answers at once, with 202. */
  wait: z.boolean().default(true),
}).refine((run) => run.untilTrades !== undefined || run.untilTime !== undefined, {
  error: "One of untilTrades and untilTime is needed",
});

const symbolQuery = z.object({ symbol: z.string() });
const whole = z.coerce.number().int().min(0);
const tradesQuery = symbolQuery.extend({
  fromId: whole.optional(),
  limit: whole.min(1).max(100_000).default(1000),
});
const candlesQuery = symbolQuery.extend({
  interval: z.enum(INTERVALS),
  from: whole.optional(),
  to: whole.optional(),
  limit: whole.min(1).max(1_000_000).default(100_000),
});
const bookQuery = symbolQuery.extend({
  /** `told`: the book as the last depth event told it; left out: the book as it is now. */
  updateId: z.union([z.literal("told"), whole]).optional(),
  limit: whole.min(1).max(100_000).default(5000),
});
const emissionsQuery = tradesQuery.extend({ limit: whole.min(1).max(10_000_000).default(300_000) });

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** `/admin/*`: faults, the clock, and the truth. Only for loopback, and no part of what Binance has. */
export class AdminApi {
  readonly #parts: AdminParts;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  async handle(request: AdminRequest): Promise<AdminAnswer> {
    try {
      return { status: 200, ...await this.#route(request) };
    } catch (error) {
      if (error instanceof Refused) return { status: error.status, body: { error: error.message } };
      if (error instanceof z.ZodError) return { status: 400, body: { error: z.prettifyError(error) } };
      throw error;
    }
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #route({ method, path, query, body }: AdminRequest): Promise<{ status?: number; body: unknown }> {
    const { market, clock, loop, faults, emissions, wall } = this.#parts;
    const values = Object.fromEntries(query);
    switch (`${method} ${path}`) {
      case "GET /admin/origin":
        return { body: market.origin };
      case "GET /admin/state":
        return { body: this.#state() };
      case "POST /admin/speed":
        clock.setSpeed(speedRequest.parse(body).speed as Speed, wall());
        loop.wake();
        return { body: this.#state() };
      case "POST /admin/pause":
        clock.pause(wall());
        return { body: this.#state() };
      case "POST /admin/resume":
        clock.resume(wall());
        loop.wake();
        return { body: this.#state() };
      case "POST /admin/run":
        return await this.#run(body);
      case "GET /admin/faults":
        return { body: { faults: faults.list() } };
      case "POST /admin/faults":
        return { status: 201, body: this.#fault(faultRequest.parse(body)) };
      case "DELETE /admin/faults":
        return { body: { ended: this.#clear(values.id) } };
      case "GET /admin/truth/trades": {
        const { symbol, fromId, limit } = tradesQuery.parse(values);
        this.#known(symbol);
        return { body: pages(market, symbol, fromId, limit) };
      }
      case "GET /admin/truth/range": {
        const { symbol } = symbolQuery.parse(values);
        this.#known(symbol);
        return { body: market.truth.tradeRange(symbol) ?? null };
      }
      case "GET /admin/truth/candles": {
        const { symbol, interval, from, to, limit } = candlesQuery.parse(values);
        this.#known(symbol);
        const range = {
          limit,
          ...from === undefined ? {} : { from: epochMs(from) },
          ...to === undefined ? {} : { to: epochMs(to) },
        };
        return { body: market.candles(symbol, interval, range) };
      }
      case "GET /admin/truth/book": {
        const { symbol, updateId, limit } = bookQuery.parse(values);
        this.#known(symbol);
        if (updateId === undefined) return { body: market.book(symbol, limit) ?? null };
        const book = market.truth.bookAt(symbol, updateId === "told" ? undefined : updateId);
        if (book === undefined) {
          throw new Refused(404, `No depth event of ${symbol} ended with update id ${updateId}`);
        }
        return { body: { ...book, bids: book.bids.slice(0, limit), asks: book.asks.slice(0, limit) } };
      }
      case "GET /admin/truth/book-ticker": {
        const { symbol, updateId } = bookQuery.parse(values);
        this.#known(symbol);
        const best = updateId === undefined || updateId === "told"
          ? market.bookTicker(symbol)
          : market.truth.bookTickerAt(symbol, updateId);
        return { body: best ?? null };
      }
      case "GET /admin/truth/ticker": {
        const { symbol } = symbolQuery.parse(values);
        this.#known(symbol);
        return { body: market.ticker(symbol, "24h") ?? null };
      }
      case "GET /admin/truth/missing": {
        const { symbol } = symbolQuery.parse(values);
        this.#known(symbol);
        return { body: market.truth.missingTradeIds(symbol) };
      }
      case "GET /admin/emissions": {
        const { symbol, fromId, limit } = emissionsQuery.parse(values);
        this.#known(symbol);
        return { body: emissions.list(symbol, { limit, ...fromId === undefined ? {} : { fromId } }) };
      }
      default:
        throw new Refused(404, `No such admin path: ${method} ${path}`);
    }
  }

  #known(symbol: string): void {
    if (!this.#parts.market.symbols.some((each) => each.symbol === symbol)) {
      throw new Refused(404, `The market has no symbol "${symbol}"`);
    }
  }

  #state(): unknown {
    const { market, clock, hub, loop, connections, faults, wall } = this.#parts;
    const now = wall();
    return {
      now: market.now,
      told: clock.told(now),
      speed: clock.speed,
      paused: clock.paused,
      skewMs: clock.skewMs,
      /** Virtual milliseconds that the market is behind its clock. */
      lagMs: Math.max(0, clock.at(now) - market.now),
      ended: loop.ended,
      trades: loop.trades,
      events: loop.events,
      waits: loop.waits,
      framesSent: hub.framesSent,
      longestQueueBytes: hub.longestQueue(),
      sockets: [...hub.sessions].map((session) => ({
        id: session.id,
        combined: session.combined,
        streams: session.subscriptions.size,
        framesSent: session.framesSent,
        bytesSent: session.bytesSent,
        queuedBytes: session.socket.queuedBytes,
        ageMs: Math.floor(now - session.openedAt),
      })),
      opened: connections.opened,
      closed: connections.ended,
      faults: faults.list().filter((each) => each.active).length,
      symbols: market.symbols.map((each) => each.symbol),
    };
  }

  async #run(body: unknown): Promise<{ status?: number; body: unknown }> {
    const { untilTrades, untilTime, wait } = runRequest.parse(body);
    const done = this.#parts.loop.runTo({
      ...untilTrades === undefined ? {} : { untilTrades },
      ...untilTime === undefined ? {} : { untilTime: untilTime as EpochMs },
    });
    if (!wait) return { status: 202, body: this.#state() };
    await done;
    return { body: this.#state() };
  }

  /** Carries out what acts once; the rest stands on the board. */
  #fault(fault: Fault): unknown {
    const { connections, faults, clock, hub } = this.#parts;
    const which = (session: Session) => concerns(fault, session);
    switch (fault.name) {
      case "cut":
        return faults.add(fault, fault.afterFrames > 0 ? 0 : connections.cut(which, fault.count));
      case "cutAfter":
        return faults.add(fault, connections.closeAll("24 hours", 1001, which));
      case "serverShutdown": {
        const told = connections.announceShutdown(which);
        const doomed = new Set([...hub.sessions].filter(which));
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          connections.closeAll("Server shutdown", 1001, (session) => doomed.has(session));
        }, fault.graceMs);
        this.#timers.add(timer);
        return faults.add(fault, told);
      }
      case "skew":
        clock.skewMs = fault.ms;
        return faults.add(fault, 1);
      default:
        return faults.add(fault);
    }
  }

  #clear(id: string | undefined): number {
    const { faults, clock } = this.#parts;
    const ended = faults.clear(id === undefined ? undefined : whole.parse(id));
    if (!faults.list().some((each) => each.active && each.fault.name === "skew")) clock.skewMs = 0;
    return ended;
  }
}

function concerns(fault: Fault, session: Session): boolean {
  if (!("stream" in fault)) return false;
  if (fault.connection !== undefined && fault.connection !== session.id) return false;
  if (fault.stream === "*") return true;
  for (const name of session.subscriptions.keys()) if (matches(fault.stream, name)) return true;
  return false;
}

/** Trades from an id on, however many the market gives at once. */
function pages(market: ExchangeMarket, symbol: string, fromId: number | undefined, limit: number) {
  if (fromId === undefined) return market.trades(symbol, { limit });
  const trades = [];
  for (let next = fromId; trades.length < limit;) {
    const page = market.trades(symbol, { fromId: next, limit: Math.min(1000, limit - trades.length) });
    if (page.length === 0) break;
    trades.push(...page);
    next = page[page.length - 1]!.tradeId + 1;
  }
  return trades;
}
