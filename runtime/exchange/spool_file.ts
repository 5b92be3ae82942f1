import { CandlewireError } from "../error.ts";

const PAGE_BYTES = 8192;
const PAGES = 4;

/**
 * An append-only file of records of `width` doubles, with what was last appended still in memory. Records are read by
 * index from the buffer, or from disk through a few cached pages, so that memory stays flat however long it grows.
 * Not crash-safe by itself: after a kill the folder's owner truncates it to its checkpoint and appends again.
 */
export class SpoolFile {
  readonly width: number;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #buffer: Float64Array<ArrayBuffer>;
  readonly #bytes: Uint8Array;
  readonly #perPage: number;
  /** Records on disk, and doubles in the buffer after them. */
  #flushed = 0;
  #buffered = 0;
  #pages: { number: number; records: number; cells: Float64Array<ArrayBuffer> }[] = [];
  /** Where the record of the last `at()` is. */
  cells: Float64Array;

  constructor(path: string, width: number, bufferRecords: number) {
    this.#path = path;
    this.width = width;
    try {
      this.#file = Deno.openSync(path, { read: true, write: true, create: true });
    } catch (cause) {
      throw new CandlewireError("exchange.spool_open", `Open a spool file: "${path}"`, {
        cause,
        hint: "Choose a folder that can be written",
      });
    }
    this.#buffer = new Float64Array(bufferRecords * width);
    this.#bytes = new Uint8Array(this.#buffer.buffer);
    this.#perPage = Math.max(1, Math.floor(PAGE_BYTES / 8 / width));
    this.cells = this.#buffer;
    this.#flushed = Math.floor(this.#file.statSync().size / 8 / width);
  }

  /** Records, on disk and in the buffer. */
  get length(): number {
    return this.#flushed + this.#buffered / this.width;
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

  /** Finds a record: its doubles start at the returned index of `cells`, valid until the next call of any kind. */
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
    this.#readInto(new Uint8Array(out.buffer), index * this.width * 8);
    return out;
  }

  /** The first index in [from, length) for which `isAfter` holds, when it holds for all later ones; else the length. */
  search(isAfter: (cells: Float64Array, at: number) => boolean, from = 0): number {
    let low = from;
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
    this.#file.seekSync(this.#flushed * this.width * 8, Deno.SeekMode.Start);
    const bytes = this.#buffered * 8;
    for (let at = 0; at < bytes;) {
      try {
        at += this.#file.writeSync(this.#bytes.subarray(at, bytes));
      } catch (cause) {
        throw new CandlewireError("exchange.spool_write", `Write to a spool file: "${this.#path}"`, {
          cause,
          retry: "operator",
          hint: "Make room on the disk and start the exchange again; it goes on with its ids",
        });
      }
    }
    this.#flushed += this.#buffered / this.width;
    this.#buffered = 0;
  }

  /** Keeps the first `length` records. */
  truncate(length: number): void {
    this.flush();
    if (length > this.#flushed) {
      throw new CandlewireError(
        "exchange.spool_short",
        `Continue a spool file: "${this.#path}" has ${this.#flushed} of ${length} records`,
        { hint: "Delete the exchange's folder; it starts a new run" },
      );
    }
    this.#file.truncateSync(length * this.width * 8);
    this.#flushed = length;
    this.#pages = [];
  }

  close(): void {
    this.#file.close();
  }

  #load(number: number) {
    const known = this.#pages.findIndex((page) => page.number === number);
    const page = known >= 0
      ? this.#pages.splice(known, 1)[0]!
      : this.#pages.length === PAGES
      ? this.#pages.pop()!
      : { number, records: 0, cells: new Float64Array(this.#perPage * this.width) };
    page.number = number;
    const first = number * this.#perPage;
    page.records = Math.min(this.#perPage, this.#flushed - first);
    const bytes = new Uint8Array(page.cells.buffer, 0, page.records * this.width * 8);
    this.#readInto(bytes, first * this.width * 8);
    this.#pages.unshift(page);
    return page;
  }

  #readInto(bytes: Uint8Array, position: number): void {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      const count = this.#file.readSync(bytes.subarray(at));
      if (count === null) {
        throw new CandlewireError("exchange.spool_short", `Read a spool file: "${this.#path}" ends early`, {
          hint: "Delete the exchange's folder; it starts a new run",
        });
      }
      at += count;
    }
  }
}
