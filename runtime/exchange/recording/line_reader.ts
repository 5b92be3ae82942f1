import { CandlewireError, errorText } from "../../error.ts";
import { parseRecordedLine, type RecordedLine } from "./frame.ts";

/** A partial line longer than this is cut: no frame is that long (I10). */
const PARTIAL_MAX = 8_000_000;

/**
 * The lines of one recording in file order, plain or gzip by its first bytes. A file that ends early (a recorder that
 * was killed) ends there, with `cut` saying why. Throws `exchange.recording_open` when it cannot be read at all.
 */
export class LineReader implements Disposable {
  /** Why the file ended early; undefined when it did not. */
  cut: string | undefined;
  readonly path: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #partial = "";
  #lines: string[] = [];
  #at = 0;
  #ended = false;

  private constructor(path: string, stream: ReadableStream<Uint8Array>) {
    this.path = path;
    this.#reader = stream.getReader();
  }

  static async open(path: string): Promise<LineReader> {
    try {
      const file = await Deno.open(path, { read: true });
      const head = new Uint8Array(2);
      await file.read(head);
      await file.seek(0, Deno.SeekMode.Start);
      const zipped = head[0] === 0x1f && head[1] === 0x8b;
      const stream: ReadableStream<Uint8Array> = zipped
        ? file.readable.pipeThrough(new DecompressionStream("gzip"))
        : file.readable;
      return new LineReader(path, stream);
    } catch (cause) {
      throw new CandlewireError("exchange.recording_open", `Open a recording: "${path}"`, {
        cause,
        hint: "Name a file of recorded frames, plain or gzip",
      });
    }
  }

  /** The next line; undefined at the end. */
  async next(): Promise<RecordedLine | undefined> {
    while (this.#at === this.#lines.length) {
      if (this.#ended) return undefined;
      await this.#fill();
    }
    return parseRecordedLine(this.#lines[this.#at++]!);
  }

  [Symbol.dispose](): void {
    this.#reader.cancel().catch(() => {});
  }

  async #fill(): Promise<void> {
    let chunk: ReadableStreamReadResult<Uint8Array>;
    try {
      chunk = await this.#reader.read();
    } catch (error) {
      this.cut = errorText(error);
      chunk = { done: true, value: undefined };
    }
    this.#ended = chunk.done;
    const text = this.#partial + (chunk.done ? "" : this.#decoder.decode(chunk.value, { stream: true }));
    const lines = text.split("\n");
    this.#partial = chunk.done ? "" : lines.pop()!.slice(0, PARTIAL_MAX);
    // What a cut file ends with is half a frame, not a frame.
    if (chunk.done && this.cut !== undefined) lines.pop();
    this.#lines = lines.filter((line) => line !== "" && line !== "\r");
    this.#at = 0;
  }
}
