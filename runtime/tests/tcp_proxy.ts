const LATIN1 = new TextDecoder("latin1");

/** A TCP proxy on loopback before a server, with the faults `cut` (connections break, new ones are refused) and `hold` (nothing passes). */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #target: Deno.ConnectOptions;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.Conn>();
  #held: { what: "everything" | "answers"; over: PromiseWithResolvers<void> } | undefined;
  #refusing = false;
  readonly #holdAt: string | undefined;

  /** `holdAt`: text in what a client sends before which it holds. */
  constructor(target: Deno.ConnectOptions, options: { holdAt?: string } = {}) {
    this.#target = target;
    this.#holdAt = options.holdAt;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    void this.#accept();
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      if (this.#refusing) near.close();
      else void this.#join(near);
    }
  }

  async #join(near: Deno.TcpConn): Promise<void> {
    let far: Deno.Conn;
    try {
      far = await Deno.connect(this.#target);
    } catch {
      return near.close();
    }
    this.#open.add(near).add(far);
    await Promise.all([this.#pump(near, far, false), this.#pump(far, near, true)]);
    for (const end of [near, far]) {
      this.#open.delete(end);
      close(end);
    }
  }

  async #pump(from: Deno.Conn, to: Deno.Conn, answers: boolean): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      while (true) {
        const count = await from.read(buffer);
        if (count === null) return close(to);
        if (this.#holdAt !== undefined && LATIN1.decode(buffer.subarray(0, count)).includes(this.#holdAt)) {
          this.hold();
        }
        if (answers || this.#held?.what === "everything") await this.#held?.over.promise;
        for (let sent = 0; sent < count;) sent += await to.write(buffer.subarray(sent, count));
      }
    } catch {
      close(from);
      close(to);
    }
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#open.size / 2;
  }

  /** Breaks every connection and refuses others, until `restore`. */
  cut(): void {
    this.#refusing = true;
    for (const end of this.#open) close(end);
    this.#open.clear();
  }

  /** Lets nothing pass, or nothing that the server answers, until `restore`: it hangs, or works unheard. */
  hold(what: "everything" | "answers" = "everything"): void {
    this.#held = { what, over: this.#held?.over ?? Promise.withResolvers() };
  }

  restore(): void {
    this.#refusing = false;
    this.#held?.over.resolve();
    this.#held = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#held?.over.resolve();
    this.#listener.close();
    await Promise.resolve();
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It ended by itself.
  }
}
