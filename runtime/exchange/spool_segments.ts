import { CandlewireError } from "../error.ts";

/** Stands for "one file": no length comes near it. */
const WHOLE = Number.MAX_SAFE_INTEGER;

/**
 * Bytes that are appended to and read anywhere, in one file or in a row of files of `segmentBytes`, of which the oldest
 * can be deleted. Positions count from the beginning of all time. Only the newest segment is held open. Not crash-safe
 * by itself: the owner remembers from where to where it is good.
 */
export class SpoolSegments {
  readonly segmentBytes: number;
  readonly #path: string;
  #file: Deno.FsFile | undefined;
  /** The segment that `#file` is. */
  #number = 0;
  /** Segments below it are deleted. */
  #lowest = 0;
  /** Bytes that were there at opening. */
  readonly openedLength: number;

  /** Throws `exchange.spool_open` when the newest segment cannot be opened or made. */
  constructor(path: string, segmentBytes = WHOLE) {
    this.#path = path;
    this.segmentBytes = segmentBytes;
    let newest = 0;
    while (this.#sizeOf(newest + 1) !== undefined) newest++;
    this.#open(newest);
    this.openedLength = newest * segmentBytes + this.#file!.statSync().size;
  }

  /** Writes at a position, the end of what is good. Throws `exchange.spool_write` when the disk is full. */
  write(bytes: Uint8Array, position: number): void {
    for (let at = 0; at < bytes.length;) {
      const number = Math.floor((position + at) / this.segmentBytes);
      if (number !== this.#number) this.#open(number);
      const within = position + at - number * this.segmentBytes;
      const end = Math.min(bytes.length, at + this.segmentBytes - within);
      try {
        this.#file!.seekSync(within, Deno.SeekMode.Start);
        at += this.#file!.writeSync(bytes.subarray(at, end));
      } catch (cause) {
        throw new CandlewireError("exchange.spool_write", `Write to a spool file: "${this.#name(number)}"`, {
          cause,
          retry: "operator",
          hint: "Make room on the disk and start the exchange again; it goes on with its ids",
        });
      }
    }
  }

  /** Fills an array from a position on. Throws `exchange.spool_short` when the files lack that. */
  read(bytes: Uint8Array, position: number): void {
    for (let at = 0; at < bytes.length;) {
      const number = Math.floor((position + at) / this.segmentBytes);
      const within = position + at - number * this.segmentBytes;
      const part = bytes.subarray(at, Math.min(bytes.length, at + this.segmentBytes - within));
      if (number === this.#number) this.#readFile(this.#file!, part, within, number);
      else {
        let file: Deno.FsFile;
        try {
          file = Deno.openSync(this.#name(number), { read: true });
        } catch (cause) {
          throw this.#short(number, "is gone", cause);
        }
        try {
          this.#readFile(file, part, within, number);
        } finally {
          file.close();
        }
      }
      at += part.length;
    }
  }

  /** Keeps what is between two positions, whatever was written or not yet deleted when the process died. */
  keep(start: number, length: number): void {
    const newest = Math.floor(length / this.segmentBytes);
    const lowest = Math.min(newest, Math.floor(start / this.segmentBytes));
    for (let number = lowest; number <= newest; number++) {
      const size = this.#sizeOf(number) ?? 0;
      if (size >= Math.min(this.segmentBytes, length - number * this.segmentBytes)) continue;
      throw this.#short(number, `has ${number * this.segmentBytes + size} of ${length} bytes`);
    }
    for (let number = newest + 1; this.#sizeOf(number) !== undefined; number++) this.#remove(number);
    for (let number = lowest - 1; number >= 0 && this.#sizeOf(number) !== undefined; number--) {
      this.#remove(number);
    }
    // Opening made or found this one though the row begins later.
    if (this.#number < lowest) this.#remove(this.#number);
    this.#open(newest);
    this.#file!.truncateSync(length - newest * this.segmentBytes);
    this.#lowest = lowest;
  }

  /** Deletes the segments that end at or before a position, never the newest. */
  drop(before: number): void {
    const end = Math.min(this.#number, Math.floor(before / this.segmentBytes));
    for (; this.#lowest < end; this.#lowest++) this.#remove(this.#lowest);
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** The first segment has the plain name. */
  #name(number: number): string {
    return number === 0 ? this.#path : this.#path.replace(/(\.\w+)?$/, `_s${number}$1`);
  }

  #sizeOf(number: number): number | undefined {
    if (number > 0 && this.segmentBytes === WHOLE) return undefined;
    try {
      return Deno.statSync(this.#name(number)).size;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  #remove(number: number): void {
    try {
      Deno.removeSync(this.#name(number));
    } catch (error) {
      // Gone is what was wanted.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #open(number: number): void {
    this.close();
    try {
      this.#file = Deno.openSync(this.#name(number), { read: true, write: true, create: true });
    } catch (cause) {
      throw new CandlewireError("exchange.spool_open", `Open a spool file: "${this.#name(number)}"`, {
        cause,
        hint: "Choose a folder that can be written",
      });
    }
    this.#number = number;
  }

  #readFile(file: Deno.FsFile, bytes: Uint8Array, within: number, number: number): void {
    file.seekSync(within, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      const count = file.readSync(bytes.subarray(at));
      if (count === null) throw this.#short(number, "ends early");
      at += count;
    }
  }

  #short(number: number, what: string, cause?: unknown): CandlewireError {
    return new CandlewireError("exchange.spool_short", `Read a spool file: "${this.#name(number)}" ${what}`, {
      cause,
      hint: "Delete the exchange's folder; it starts a new run",
    });
  }
}
