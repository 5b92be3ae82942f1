/** A TCP proxy before a server, whose connections a test cuts and refuses: the fault `cut`. */
export class CutProxy implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.Conn>();
  readonly #target: number;
  /** While true, new connections are closed at once. */
  refusing = false;

  constructor(target: number) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    void this.#accept();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      if (this.refusing) near.close();
      else void this.#join(near);
    }
  }

  async #join(near: Deno.Conn): Promise<void> {
    let far: Deno.Conn;
    try {
      far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
    } catch {
      return near.close();
    }
    this.#open.add(near).add(far);
    await Promise.allSettled([near.readable.pipeTo(far.writable), far.readable.pipeTo(near.writable)]);
    this.#open.delete(near);
    this.#open.delete(far);
  }

  /** Breaks every connection that is open now. */
  cut(): void {
    for (const connection of this.#open) {
      try {
        connection.close();
      } catch {
        // It ended by itself.
      }
    }
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.refusing = true;
    this.#listener.close();
    this.cut();
    await Promise.resolve();
  }
}
