import type { SpoolFile } from "../spool_file.ts";

/** Kinds of records in a compiled recording. Each is kind, symbol, time, count of the numbers that follow, those numbers. */
export const RECORD = { trade: 1, depth: 2, bookTicker: 3 } as const;
const HEAD = 4;
const CHUNK = 32_768;

/** Reads a compiled recording record by record, a chunk at a time. The current record is in `cells` from `at` on. */
export class RecordReader {
  cells = new Float64Array(0);
  /** Where the current record's payload begins. */
  at = HEAD;
  kind = 0;
  symbol = 0;
  time = Infinity;
  /** Numbers of the payload. */
  length = 0;
  readonly #file: SpoolFile;
  /** Where in the file `cells` begins. */
  #base = 0;
  #next = 0;

  constructor(file: SpoolFile) {
    this.#file = file;
  }

  /** Where the current record begins; a place to come back to. */
  get position(): number {
    return this.#next;
  }

  /** True when there is no current record. */
  get ended(): boolean {
    return this.time === Infinity;
  }

  /** Makes the record at a position the current one. */
  seek(position: number): void {
    this.#next = position;
    this.#read();
  }

  /** Goes on to the next record. */
  next(): void {
    this.#next += HEAD + this.length;
    this.#read();
  }

  #read(): void {
    this.time = Infinity;
    if (this.#next >= this.#file.length) return;
    if (!this.#has(HEAD)) this.#load(HEAD);
    if (!this.#has(HEAD + this.cells[this.#next - this.#base + 3]!)) {
      this.#load(HEAD + this.cells[this.#next - this.#base + 3]!);
    }
    const at = this.#next - this.#base;
    this.kind = this.cells[at]!;
    this.symbol = this.cells[at + 1]!;
    this.time = this.cells[at + 2]!;
    this.length = this.cells[at + 3]!;
    this.at = at + HEAD;
  }

  #has(count: number): boolean {
    const at = this.#next - this.#base;
    return at >= 0 && at + count <= this.cells.length;
  }

  #load(count: number): void {
    this.cells = this.#file.read(this.#next, Math.max(count, CHUNK)) as Float64Array<ArrayBuffer>;
    this.#base = this.#next;
  }
}
