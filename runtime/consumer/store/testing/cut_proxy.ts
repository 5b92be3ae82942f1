/** A TCP proxy on loopback whose connections can be cut or held, in front of one server. */
export class CutProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #target: { hostname: string; port: number };
  #refuses = false;
  #held: PromiseWithResolvers<void> | undefined;

  constructor(target: { hostname: string; port: number }) {
    this.#target = target;
    void this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Closes every connection; new ones are closed at once until `mend`. */
  cut(): void {
    this.#refuses = true;
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  /** Nothing that the server says arrives until `mend`; it goes on working. */
  hold(): void {
    this.#held ??= Promise.withResolvers();
  }

  mend(): void {
    this.#refuses = false;
    this.#held?.resolve();
    this.#held = undefined;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      if (this.#refuses) {
        close(client);
        continue;
      }
      const server = await Deno.connect(this.#target).catch(() => undefined);
      if (server === undefined) {
        close(client);
        continue;
      }
      this.#connections.add(client).add(server);
      void this.#pump(client, server, false);
      void this.#pump(server, client, true);
    }
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn, answers: boolean): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const read = await from.read(buffer);
        if (read === null) break;
        if (answers) await this.#held?.promise;
        for (let at = 0; at < read;) at += await to.write(buffer.subarray(at, read));
      }
    } catch {
      // Cut.
    }
    for (const connection of [from, to]) {
      this.#connections.delete(connection);
      close(connection);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mend();
    this.cut();
    this.#listener.close();
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}
