import { SpoolSegments } from "./spool_segments.ts";

const PAGE_BYTES = 8192;
const PAGES = 4;

/**
 * An append-only file of records of `width` doubles, with what was last appended still in memory. Records are read by
 * index from the buffer, or from disk through a few cached pages, so that memory stays flat however long it grows.
 * With `segmentBytes` it is a row of files, and the oldest records can be let go (I10); indexes stay what they are.
 * Not crash-safe by itself: after a kill the folder's owner truncates it to its checkpoint and appends again.
 */
export class SpoolFile {
  readonly width: number;
  readonly #segments: SpoolSegments;
  readonly #buffer: Float64Array<ArrayBuffer>;
  readonly #bytes: Uint8Array;
  readonly #perPage: number;
  readonly #recordBytes: number;
  /** Index of the first record that is kept. */
  #first = 0;
  /** Records on disk or let go, and doubles in the buffer after them. */
  #flushed = 0;
  #buffered = 0;
  #pages: { number: number; records: number; cells: Float64Array<ArrayBuffer> }[] = [];
  /** Where the record of the last `at()` is. */
  cells: Float64Array;

  constructor(path: string, width: number, options: { buffer: number; segmentBytes?: number }) {
    this.width = width;
    this.#recordBytes = 8 * width;
    this.#segments = new SpoolSegments(path, options.segmentBytes);
    this.#buffer = new Float64Array(options.buffer * width);
    this.#bytes = new Uint8Array(this.#buffer.buffer);
    this.#perPage = Math.max(1, Math.floor(PAGE_BYTES / this.#recordBytes));
    this.cells = this.#buffer;
    this.#flushed = Math.floor(this.#segments.openedLength / this.#recordBytes);
  }

  /** Records: let go, on disk and in the buffer. */
  get length(): number {
    return this.#flushed + this.#buffered / this.width;
  }

  /** Index of the first record that is kept. */
  get first(): number {
    return this.#first;
  }

  /** Bytes of the records that are kept. */
  get bytes(): number {
    return (this.length - this.#first) * this.#recordBytes;
  }

  /** Makes room for one record; write its doubles to `buffer` from the returned index on at once. */
  append(): number {
    if (this.#buffered === this.#buffer.length) this.flush();
    const at = this.#buffered;
    this.#buffered += this.width;
    return at;
  }

  get buffer(): Float64Array {
    return this.#buffer;
  }

  /** Appends many doubles, of whole records. */
  appendAll(values: ArrayLike<number>, length = values.length): void {
    for (let i = 0; i < length; i++) {
      if (this.#buffered === this.#buffer.length) this.flush();
      this.#buffer[this.#buffered++] = values[i]!;
    }
  }

  /** Finds a record that is kept: its doubles start at the returned index of `cells`, valid until the next call of any kind. */
  at(index: number): number {
    if (index >= this.#flushed) {
      this.cells = this.#buffer;
      return (index - this.#flushed) * this.width;
    }
    const number = Math.floor(index / this.#perPage);
    const inPage = index - number * this.#perPage;
    let page = this.#pages.find((page) => page.number === number);
    if (page === undefined || page.records <= inPage) page = this.#load(number);
    this.cells = page.cells;
    return inPage * this.width;
  }

  /** One double of a record. */
  cell(index: number, column: number): number {
    const at = this.at(index);
    return this.cells[at + column]!;
  }

  /** Reads `count` records from `index` on into an array of their own. */
  read(index: number, count: number): Float64Array {
    if (index + count > this.#flushed) this.flush();
    const out = new Float64Array(Math.max(0, Math.min(count, this.#flushed - index)) * this.width);
    this.#segments.read(new Uint8Array(out.buffer), index * this.#recordBytes);
    return out;
  }

  /** The first kept index from `from` on for which `isAfter` holds, when it holds for all later ones; else the length. */
  search(isAfter: (cells: Float64Array, at: number) => boolean, from = 0): number {
    let low = Math.max(from, this.#first);
    let high = this.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const at = this.at(middle);
      if (isAfter(this.cells, at)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  flush(): void {
    if (this.#buffered === 0) return;
    this.#segments.write(this.#bytes.subarray(0, this.#buffered * 8), this.#flushed * this.#recordBytes);
    this.#flushed += this.#buffered / this.width;
    this.#buffered = 0;
  }

  /** Keeps the records from `first` to `length`, as a checkpoint remembers them; deletes what else is on disk. */
  truncate(length: number, first = 0): void {
    this.flush();
    this.#segments.keep(first * this.#recordBytes, length * this.#recordBytes);
    this.#first = first;
    this.#flushed = length;
    this.#pages = [];
  }

  /** Up to which index records must be let go so that a whole file of the disk's goes. */
  get nextRelease(): number {
    const { segmentBytes } = this.#segments;
    const segment = Math.floor(this.#first * this.#recordBytes / segmentBytes) + 1;
    return Math.ceil(segment * segmentBytes / this.#recordBytes);
  }

  /** Lets records before an index go. They stay on disk until `sweep()`: a checkpoint must know first. */
  release(before: number): void {
    this.#first = Math.max(this.#first, before);
  }

  /** Deletes what was let go. */
  sweep(): void {
    this.#segments.drop(this.#first * this.#recordBytes);
  }

  close(): void {
    this.#segments.close();
  }

  #load(number: number) {
    const known = this.#pages.findIndex((page) => page.number === number);
    const page = known >= 0
      ? this.#pages.splice(known, 1)[0]!
      : this.#pages.length === PAGES
      ? this.#pages.pop()!
      : { number, records: 0, cells: new Float64Array(this.#perPage * this.width) };
    page.number = number;
    const start = number * this.#perPage;
    // What was let go of the page may be gone from the disk.
    const from = Math.max(start, this.#first);
    page.records = Math.min(this.#perPage, this.#flushed - start);
    const bytes = new Uint8Array(
      page.cells.buffer,
      (from - start) * this.#recordBytes,
      (page.records + start - from) * this.#recordBytes,
    );
    this.#segments.read(bytes, from * this.#recordBytes);
    this.#pages.unshift(page);
    return page;
  }
}
