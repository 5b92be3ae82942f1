import { CandlewireError } from "../../error.ts";
import type { EventFeed, FeedBook, FeedSink, FeedSymbol } from "../feed.ts";
import { SpoolFile } from "../spool_file.ts";
import type { StateReader, StateWriter } from "../state_bytes.ts";
import type { CompiledRecording } from "./compiler.ts";
import { RECORD, RecordReader } from "./record_reader.ts";
import { openReplayedSymbol, type ReplayedSymbol, scaledBook, scaleLevels } from "./replayed_symbol.ts";
import { recordedSymbolInfo } from "./recorded_symbol_info.ts";

/** Between the last record of one round and the first of the next. */
const SEAM_MS = 100;

/** How a recording is told. */
export type RecordingOptions = {
  recording: CompiledRecording;
  /** Its compiled records. */
  file: string;
  loop: boolean;
  /** Virtual time of the start; undefined keeps the recorded times. */
  startTime?: number;
};

/**
 * Recorded frames, told again with their values untouched. It starts when every symbol's book is known: each is its
 * snapshot plus the diffs around it, by Binance's documented algorithm; what came before is history.
 *
 * A loop begins again with ids and times that go on: each symbol's trade ids and update ids grow by what one round
 * told, so ids stay contiguous where the recording's were. The first step of a round is the seam, the only events that
 * no frame told: the best bid and ask of each symbol and a depth event that turns its last book into the first.
 */
export class RecordingFeed implements EventFeed {
  readonly symbols: readonly FeedSymbol[];
  #shiftMs: number;
  readonly #options: RecordingOptions;
  readonly #file: SpoolFile;
  readonly #reader: RecordReader;
  readonly #recorded: ReplayedSymbol[];
  /** Position and time of the first record that is told. */
  #start = 0;
  #startTime = 0;
  readonly #period: number;
  #round = 0;
  #bids: number[] = [];
  #asks: number[] = [];
  #steps = 0;

  constructor(options: RecordingOptions) {
    this.#options = options;
    const { symbols, lastTime } = options.recording;
    this.symbols = symbols.map(({ symbol, priceScale, quantityScale }) => ({
      info: recordedSymbolInfo(symbol, priceScale, quantityScale),
      priceScale,
      quantityScale,
    }));
    this.#file = new SpoolFile(options.file, 1, { buffer: 1 });
    this.#reader = new RecordReader(this.#file);
    this.#recorded = symbols.map(openReplayedSymbol);
    try {
      this.#tellUntilKnown();
    } catch (error) {
      this.#file.close();
      throw error;
    }
    this.#period = lastTime - this.#startTime + SEAM_MS;
    this.#shiftMs = options.startTime === undefined ? 0 : options.startTime - this.#startTime;
  }

  /** Virtual minus recorded time in the first round with all delays, ms. */
  get shiftMs(): number {
    return this.#shiftMs;
  }

  begin(sink: FeedSink): number {
    const reader = this.#reader;
    for (reader.seek(0); reader.position < this.#start; reader.next()) {
      if (reader.kind === RECORD.trade) this.#trade(sink);
      else if (reader.kind === RECORD.bookTicker) this.#bookTicker(sink);
    }
    return this.#startTime + this.#shiftMs;
  }

  nextTime(): number {
    if (!this.#reader.ended) return this.#reader.time + this.#timeOffset(this.#round);
    return this.#options.loop ? this.#startTime + this.#timeOffset(this.#round + 1) : Infinity;
  }

  step(sink: FeedSink): void {
    this.#steps++;
    const reader = this.#reader;
    if (reader.ended) {
      this.#round++;
      this.#seam(sink);
      reader.seek(this.#start);
      return;
    }
    if (reader.kind === RECORD.trade) this.#trade(sink);
    else if (reader.kind === RECORD.bookTicker) this.#bookTicker(sink);
    else this.#depth(sink);
    reader.next();
  }

  delay(ms: number): void {
    this.#shiftMs += ms;
  }

  book(symbol: number, limit: number): FeedBook {
    return this.#recorded[symbol]!.book.whole(limit);
  }

  fingerprint(): number {
    return this.#round * 1e10 + this.#reader.position;
  }

  save(out: StateWriter): void {
    out.numbers([this.#round, this.#reader.position, this.#steps, this.#shiftMs]);
    for (const { book } of this.#recorded) book.save(out);
  }

  restore(state: StateReader): void {
    const [round, position, steps, shiftMs] = state.numbers();
    this.#round = round!;
    this.#steps = steps!;
    this.#shiftMs = shiftMs!;
    this.#reader.seek(position!);
    for (const { book } of this.#recorded) book.restore(state);
  }

  close(): void {
    this.#file.close();
  }

  /** Finds the start: the first record at which every book is known. Leaves the books as they are there. */
  #tellUntilKnown(): void {
    const { symbols } = this.#options.recording;
    const unknown = new Set(symbols.flatMap((symbol, index) => symbol.depths > 0 ? [index] : []));
    const lastTrade = symbols.map(() => -1);
    const reader = this.#reader;
    for (reader.seek(0); !reader.ended && unknown.size > 0; reader.next()) {
      if (reader.kind === RECORD.trade) lastTrade[reader.symbol] = reader.cells[reader.at]!;
      const recorded = this.#recorded[reader.symbol]!;
      if (reader.kind === RECORD.bookTicker) {
        recorded.ahead.push([...reader.cells.subarray(reader.at, reader.at + reader.length)]);
      }
      if (reader.kind !== RECORD.depth) continue;
      const { snapshot } = symbols[reader.symbol]!;
      const [first, final] = [reader.cells[reader.at]!, reader.cells[reader.at + 1]!];
      if (unknown.has(reader.symbol)) {
        // The documented algorithm: drop what the snapshot has, begin with the event that follows on it.
        if (final <= snapshot!.updateId) continue;
        if (first > snapshot!.updateId + 1) break;
        recorded.book.set(scaledBook(recorded, snapshot!));
        unknown.delete(reader.symbol);
      }
      this.#readDepth(recorded);
      recorded.book.apply(final, this.#bids, this.#asks);
      recorded.ahead = recorded.ahead.filter(([updateId]) => updateId! > final);
    }
    if (unknown.size > 0 || reader.ended) {
      const names = [...unknown].map((index) => symbols[index]!.symbol).join(", ");
      throw new CandlewireError(
        "exchange.recording_snapshot_outside",
        `Read a recording: no depth frame follows on the snapshot of ${names || "the last symbol"}`,
        { hint: "Record the snapshot after the depth stream began, and keep recording" },
      );
    }
    this.#start = reader.position;
    this.#startTime = reader.time;
    this.#recorded.forEach((recorded, index) => {
      recorded.start = recorded.book.whole(Infinity);
      recorded.ahead = recorded.ahead.filter(([updateId]) => updateId! > recorded.start.updateId);
      const { lastTradeId, lastUpdateId } = symbols[index]!;
      recorded.updateSpan = Math.max(0, lastUpdateId - recorded.start.updateId) + 1;
      recorded.tradeSpan = lastTrade[index]! >= 0 ? lastTradeId - lastTrade[index]! : -1;
    });
    this.#findFirstTrades();
  }

  /** Trade ids of a round begin with the first that is told: symbols without history must look for it. */
  #findFirstTrades(): void {
    const { symbols } = this.#options.recording;
    const reader = this.#reader;
    let wanted =
      this.#recorded.filter((recorded, index) => recorded.tradeSpan < 0 && symbols[index]!.trades > 0).length;
    for (reader.seek(this.#start); wanted > 0 && !reader.ended; reader.next()) {
      const recorded = this.#recorded[reader.symbol]!;
      if (reader.kind !== RECORD.trade || recorded.tradeSpan >= 0) continue;
      recorded.tradeSpan = symbols[reader.symbol]!.lastTradeId - reader.cells[reader.at]! + 1;
      wanted--;
    }
    reader.seek(this.#start);
  }

  #timeOffset(round: number): number {
    return this.#shiftMs + round * this.#period;
  }

  #trade(sink: FeedSink): void {
    const { cells, at, symbol } = this.#reader;
    const recorded = this.#recorded[symbol]!;
    sink.trade(
      symbol,
      cells[at]! + this.#round * recorded.tradeSpan,
      cells[at + 1]! / recorded.priceDivisor,
      cells[at + 2]! / recorded.quantityDivisor,
      cells[at + 3]! + this.#timeOffset(this.#round),
      cells[at + 4] === 1,
      -1,
    );
  }

  #depth(sink: FeedSink): void {
    const { cells, at, symbol, time } = this.#reader;
    const recorded = this.#recorded[symbol]!;
    const shift = this.#round * recorded.updateSpan;
    this.#readDepth(recorded);
    recorded.book.apply(cells[at + 1]! + shift, this.#bids, this.#asks);
    sink.depth(
      symbol,
      cells[at]! + shift,
      cells[at + 1]! + shift,
      time + this.#timeOffset(this.#round),
      this.#bids,
      this.#asks,
    );
  }

  #bookTicker(sink: FeedSink): void {
    const { cells, at, symbol, time } = this.#reader;
    this.#tellBest(sink, symbol, cells.subarray(at), time + this.#timeOffset(this.#round));
  }

  /** `best`: update id, bid, quantity, ask, quantity, as recorded. */
  #tellBest(sink: FeedSink, symbol: number, best: ArrayLike<number>, time: number): void {
    const { priceDivisor, quantityDivisor, updateSpan } = this.#recorded[symbol]!;
    sink.bookTicker(
      symbol,
      best[0]! + this.#round * updateSpan,
      time,
      best[1]! / priceDivisor,
      best[2]! / quantityDivisor,
      best[3]! / priceDivisor,
      best[4]! / quantityDivisor,
    );
  }

  /** A new round: every book returns to what it was at the start, under ids that go on. */
  #seam(sink: FeedSink): void {
    const time = this.#startTime + this.#timeOffset(this.#round);
    this.#recorded.forEach((recorded, symbol) => {
      if (this.#options.recording.symbols[symbol]!.depths === 0) return;
      const { book, start } = recorded;
      const first = book.updateId + 1;
      const final = start.updateId + this.#round * recorded.updateSpan;
      const { bids, asks } = book.changesTo(start);
      book.set({ ...start, updateId: final });
      const [bid, ask] = [start.bids, start.asks];
      // As on the wire, the best before the diff that holds it.
      if (bid.length > 0 && ask.length > 0) {
        sink.bookTicker(symbol, final, time, bid[0]!, bid[1]!, ask[0]!, ask[1]!);
      }
      sink.depth(symbol, first, final, time, bids, asks);
      for (const best of recorded.ahead) this.#tellBest(sink, symbol, best, time);
    });
  }

  /** The current record's changes, at the symbol's scales. */
  #readDepth(recorded: ReplayedSymbol): void {
    const { cells, at, length } = this.#reader;
    const bidCells = cells[at + 2]!;
    this.#bids = scaleLevels(cells, at + 3, bidCells, recorded);
    this.#asks = scaleLevels(cells, at + 3 + bidCells, length - 3 - bidCells, recorded);
  }
}
