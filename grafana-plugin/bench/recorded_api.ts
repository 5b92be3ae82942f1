/**
 * The control API's own answers, byte for byte, served from memory: the first time a page is asked for it comes from the running
 * host, from then on from here. So a bench sees what its clients cost, not what the store costs that both wait for.
 */
export class RecordedApi implements AsyncDisposable {
  readonly #url: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #answers = new Map<string, { body: Uint8Array<ArrayBuffer>; type: string }>();
  /** Answers that came from the host. */
  recorded = 0;

  /** `url` is the running host's. */
  constructor(url: string) {
    this.#url = url;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    // Clients write the same parameters in orders of their own.
    searchParams.sort();
    const key = `${pathname}?${searchParams}`;
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      const headers = {
        accept: "application/json",
        authorization: request.headers.get("authorization") ?? "",
      };
      const response = await fetch(`${this.#url}${key}`, { headers });
      const body = new Uint8Array(await response.arrayBuffer());
      if (!response.ok) return new Response(body, { status: response.status, headers: response.headers });
      answer = { body, type: response.headers.get("content-type") ?? "" };
      this.#answers.set(key, answer);
      this.recorded++;
    }
    return new Response(answer.body, { headers: { "content-type": answer.type } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
