import { CandlewireError } from "../../error.ts";
import type { SpoolFile } from "../spool_file.ts";
import type { RecordedFrame } from "./frame.ts";
import { RECORD } from "./record_reader.ts";
import { significantDecimals, START_SCALE, UnitsError, unitsOf } from "./units.ts";

/**
 * Frames of different streams come out of order by up to 200 ms of the exchange's clock; those that come later than
 * this many ms are told late instead.
 */
const REORDER_MS = 10_000;

/** What a compiled recording holds of one symbol. Values are integers at the scales that were used to write it. */
export type RecordedSymbol = {
  symbol: string;
  /** Scales of the file, and the smallest that hold every value. */
  writtenPriceScale: number;
  writtenQuantityScale: number;
  priceScale: number;
  quantityScale: number;
  snapshot: { updateId: number; bids: number[]; asks: number[] } | null;
  trades: number;
  depths: number;
  lastTradeId: number;
  /** The largest update id of any frame. */
  lastUpdateId: number;
};

/** What a compiled recording is. */
export type CompiledRecording = {
  /** SHA-256 of each file, in the order given. */
  digests: string[];
  symbols: RecordedSymbol[];
  /** Exchange time of the last record. */
  lastTime: number;
  records: number;
  /** For people: what was set aside, and why. */
  notes: string[];
};

type Draft = RecordedSymbol & { index: number; time: number; tradeTime: number; lastDepth: number };

/** Asks to start over: a symbol's quantities do not fit at the scale that was tried. */
export class ScaleError extends Error {
  constructor(readonly symbol: string, readonly scales: { price: number; quantity: number }) {
    super(symbol);
  }
}

/** Takes frames in the order of their receipt and writes records in the order of the exchange's time. */
export class Compiler {
  readonly #out: SpoolFile;
  readonly #scales: Map<string, { price: number; quantity: number }>;
  readonly #symbols = new Map<string, Draft>();
  readonly #problems = new Map<string, number>();
  readonly #notes: string[] = [];
  /** Snapshots that came before their symbol's first depth frame. */
  readonly #orphans = new Map<number, Extract<RecordedFrame, { kind: "snapshot" }>>();
  /** Symbols seen in each file: a bare snapshot belongs to one of them. */
  readonly #seen = new Map<number, Set<Draft>>();
  /** Records not yet written, by time; the sort is stable. */
  #waiting: { time: number; cells: number[] }[] = [];
  #newest = -Infinity;
  #released = -Infinity;
  #records = 0;

  constructor(out: SpoolFile, scales: Map<string, { price: number; quantity: number }>) {
    this.#out = out;
    this.#scales = scales;
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  take(frame: RecordedFrame, file: number): void {
    try {
      this.#take(frame, file);
    } catch (error) {
      if (!(error instanceof UnitsError)) throw error;
      const symbol = "symbol" in frame ? frame.symbol : undefined;
      const scales = symbol === undefined ? undefined : this.#symbols.get(symbol);
      if (error.problem === "large" && scales !== undefined && scales.writtenQuantityScale > 0) {
        throw new ScaleError(symbol!, {
          price: scales.writtenPriceScale,
          quantity: scales.writtenQuantityScale - 2,
        });
      }
      this.#count(`value of too many digits`);
    }
  }

  finish(paths: readonly string[]): Omit<CompiledRecording, "digests"> {
    this.#release(Infinity);
    this.#out.flush();
    for (const [problem, count] of this.#problems) this.#notes.push(`${count} lines: ${problem}`);
    if (this.#records === 0) {
      throw new CandlewireError(
        "exchange.recording_empty",
        `Read a recording: no frame of a trade, depth or bookTicker stream in "${paths.join('", "')}"${
          this.#notes.length === 0 ? "" : ` (${this.#notes.join("; ")})`
        }`,
        { hint: "A line is `<receive time in ns> <raw frame>`" },
      );
    }
    const symbols = [...this.#symbols.values()];
    for (const { symbol, depths, snapshot } of symbols) {
      if (depths === 0 || snapshot !== null) continue;
      throw new CandlewireError(
        "exchange.recording_no_snapshot",
        `Read a recording: ${symbol} has ${depths} depth frames and no depth snapshot`,
        { hint: "Record the answer of GET /api/v3/depth into the same file, after the stream began" },
      );
    }
    return {
      symbols: symbols.map(({ index: _i, time: _t, tradeTime: _tt, lastDepth: _d, ...symbol }) => symbol),
      lastTime: this.#released,
      records: this.#records,
      notes: this.#notes,
    };
  }

  #take(frame: RecordedFrame, file: number): void {
    if (frame.kind === "problem") return this.#count(frame.problem);
    if (frame.kind === "snapshot") return this.#snapshot(frame, file);
    const draft = this.#draft(frame.symbol, file);
    const [ps, qs] = [draft.writtenPriceScale, draft.writtenQuantityScale];
    const index = draft.index;
    if (frame.kind === "trade") {
      if (frame.id <= draft.lastTradeId) return this.#count("trade id told before");
      const price = this.#price(draft, unitsOf(frame.price, ps));
      const quantity = this.#quantity(draft, unitsOf(frame.quantity, qs));
      draft.lastTradeId = frame.id;
      draft.trades++;
      if (frame.time < draft.tradeTime) {
        this.#count("trade older than the one before it (told with its time)");
      }
      const time = draft.tradeTime = Math.max(draft.tradeTime, frame.time);
      draft.time = Math.max(draft.time, time);
      const side = frame.isBuyerMaker ? 1 : 0;
      return this.#push(time, [RECORD.trade, index, time, 5, frame.id, price, quantity, time, side]);
    }
    if (frame.kind === "depth") {
      if (frame.final <= draft.lastDepth) return this.#count("depth told before");
      if (draft.lastDepth >= 0 && frame.first !== draft.lastDepth + 1) {
        this.note(
          `${frame.symbol}: depth frames lack update ids ${draft.lastDepth + 1} to ${frame.first - 1}`,
        );
      }
      const bids = this.#levels(draft, frame.bids);
      const asks = this.#levels(draft, frame.asks);
      draft.lastDepth = frame.final;
      draft.lastUpdateId = Math.max(draft.lastUpdateId, frame.final);
      draft.depths++;
      const time = draft.time = Math.max(draft.time, frame.time);
      const payload = [frame.first, frame.final, bids.length, ...bids, ...asks];
      this.#push(time, [RECORD.depth, index, time, payload.length, ...payload]);
      const orphan = this.#orphans.get(file);
      if (orphan !== undefined) {
        this.#orphans.delete(file);
        this.#snapshot(orphan, file);
      }
      return;
    }
    // A bookTicker frame has no time: it is as late as what its symbol told before.
    if (draft.time < 0) return this.#count("bookTicker before anything with a time");
    const cells = [
      this.#price(draft, unitsOf(frame.bid, ps)),
      this.#quantity(draft, unitsOf(frame.bidQuantity, qs)),
      this.#price(draft, unitsOf(frame.ask, ps)),
      this.#quantity(draft, unitsOf(frame.askQuantity, qs)),
    ];
    draft.lastUpdateId = Math.max(draft.lastUpdateId, frame.updateId);
    this.#push(draft.time, [RECORD.bookTicker, index, draft.time, 5, frame.updateId, ...cells]);
  }

  #snapshot(frame: Extract<RecordedFrame, { kind: "snapshot" }>, file: number): void {
    // Its update id is close to those of its own symbol, and millions away from those of others.
    let nearest: Draft | undefined;
    for (const draft of this.#seen.get(file) ?? []) {
      if (draft.lastDepth < 0) continue;
      const far = Math.abs(draft.lastDepth - frame.updateId);
      if (nearest === undefined || far < Math.abs(nearest.lastDepth - frame.updateId)) nearest = draft;
    }
    if (nearest === undefined) {
      this.#orphans.set(file, frame);
      return;
    }
    if (nearest.snapshot !== null) return;
    nearest.snapshot = {
      updateId: frame.updateId,
      bids: this.#levels(nearest, frame.bids),
      asks: this.#levels(nearest, frame.asks),
    };
  }

  #draft(symbol: string, file: number): Draft {
    let draft = this.#symbols.get(symbol);
    if (draft === undefined) {
      const scales = this.#scales.get(symbol);
      draft = {
        symbol,
        writtenPriceScale: scales?.price ?? START_SCALE,
        writtenQuantityScale: scales?.quantity ?? START_SCALE,
        priceScale: 0,
        quantityScale: 0,
        snapshot: null,
        trades: 0,
        depths: 0,
        lastTradeId: -1,
        lastUpdateId: -1,
        lastDepth: -1,
        index: this.#symbols.size,
        time: -1,
        tradeTime: -1,
      };
      this.#symbols.set(symbol, draft);
    }
    let seen = this.#seen.get(file);
    if (seen === undefined) this.#seen.set(file, seen = new Set());
    seen.add(draft);
    return draft;
  }

  #price(draft: Draft, units: number): number {
    draft.priceScale = Math.max(draft.priceScale, significantDecimals(units, draft.writtenPriceScale));
    return units;
  }
  #quantity(draft: Draft, units: number): number {
    draft.quantityScale = Math.max(
      draft.quantityScale,
      significantDecimals(units, draft.writtenQuantityScale),
    );
    return units;
  }
  #levels(draft: Draft, levels: [string, string][]): number[] {
    const out: number[] = [];
    for (const [price, quantity] of levels) {
      out.push(
        this.#price(draft, unitsOf(price, draft.writtenPriceScale)),
        this.#quantity(draft, unitsOf(quantity, draft.writtenQuantityScale)),
      );
    }
    return out;
  }

  #push(time: number, cells: number[]): void {
    // From the end: nearly always in order.
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1]!.time > time) at--;
    this.#waiting.splice(at, 0, { time, cells });
    if (time > this.#newest) this.#newest = time;
    if (this.#waiting.length >= 4096) this.#release(this.#newest - REORDER_MS);
  }

  #release(until: number): void {
    let count = 0;
    for (const { time, cells } of this.#waiting) {
      if (time > until) break;
      // Beyond the reordering window: told late, never before what was told.
      if (time < this.#released) {
        cells[2] = this.#released;
        this.#count(`told late, by more than ${REORDER_MS} ms`);
      } else this.#released = time;
      this.#out.appendAll(cells);
      this.#records++;
      count++;
    }
    if (count > 0) this.#waiting = this.#waiting.slice(count);
  }

  #count(problem: string): void {
    this.#problems.set(problem, (this.#problems.get(problem) ?? 0) + 1);
  }
}
