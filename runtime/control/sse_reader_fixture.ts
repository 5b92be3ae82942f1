/** A server-sent event as read. */
export type ReadEvent = { id?: string; event: string; data: string; comment?: boolean };

/** Reads events off a stream one by one, for tests. */
export class SseReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** The next event; undefined at the end. Comments and bare `retry` blocks are skipped unless asked for. */
  async next(options: { comments?: boolean } = {}): Promise<ReadEvent | undefined> {
    while (true) {
      const end = this.#text.indexOf("\n\n");
      if (end < 0) {
        const { value, done } = await this.#reader.read();
        if (done) return undefined;
        this.#text += this.#decoder.decode(value, { stream: true });
        continue;
      }
      const block = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      if (block.startsWith(":")) {
        if (options.comments) return { event: "", data: block, comment: true };
        continue;
      }
      const fields = Object.fromEntries(
        block.split("\n").map((line) => {
          const at = line.indexOf(": ");
          return [line.slice(0, at), line.slice(at + 2)];
        }),
      );
      if (fields.data === undefined) continue;
      return { id: fields.id, event: fields.event ?? "message", data: fields.data };
    }
  }

  /** The next event's parsed data with its name and id. */
  // deno-lint-ignore no-explicit-any
  async json(): Promise<any> {
    const event = await this.next();
    if (event === undefined) throw new Error("The stream has ended");
    return { ...JSON.parse(event.data), event: event.event, id: event.id };
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}
