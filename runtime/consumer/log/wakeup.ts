/** Lets one waiter sleep until it is woken, its time is up, or its signal aborts. A wake-up before the wait counts. */
export class Wakeup {
  #pending = false;
  #resolve: (() => void) | undefined;

  notify(): void {
    this.#pending = true;
    this.#resolve?.();
  }

  /** Resolves after `timeoutMs` at most; never rejects. */
  async wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (!this.#pending && timeoutMs > 0 && !signal?.aborted) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const woken = new Promise<void>((resolve) => {
        this.#resolve = resolve;
        timer = setTimeout(resolve, timeoutMs);
        signal?.addEventListener("abort", this.#wake);
      });
      await woken;
      clearTimeout(timer);
      signal?.removeEventListener("abort", this.#wake);
      this.#resolve = undefined;
    }
    this.#pending = false;
  }

  readonly #wake = (): void => this.#resolve?.();
}
