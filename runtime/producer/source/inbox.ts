import type { MarketEvent } from "./market_source.ts";

/** What can be told to stop sending. */
export type Pausable = { pause(): void; resume(): void };

/**
 * Where sockets put events and the reader takes them, all at once. Above `capacity` events the sockets are paused
 * until the reader comes (I10); only what was already received of the same chunk is still added.
 */
export class Inbox {
  readonly #capacity: number;
  readonly #sockets = new Set<Pausable>();
  #events: MarketEvent[] = [];
  #full = false;
  #wake: (() => void) | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Times the sockets were paused. */
  pauses = 0;

  attach(socket: Pausable): void {
    this.#sockets.add(socket);
    if (this.#full) socket.pause();
  }

  detach(socket: Pausable): void {
    this.#sockets.delete(socket);
  }

  push(event: MarketEvent): void {
    this.#events.push(event);
    if (this.#events.length >= this.#capacity && !this.#full) {
      this.#full = true;
      this.pauses++;
      for (const socket of this.#sockets) socket.pause();
    }
    this.#wake?.();
  }

  /** All events there are, at least one; undefined once the signal aborts. */
  async take(signal: AbortSignal): Promise<MarketEvent[] | undefined> {
    while (this.#events.length === 0) {
      if (signal.aborted) return undefined;
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#wake = undefined;
          signal.removeEventListener("abort", done);
          resolve();
        };
        this.#wake = done;
        signal.addEventListener("abort", done);
      });
    }
    const events = this.#events;
    this.#events = [];
    if (this.#full) {
      this.#full = false;
      for (const socket of this.#sockets) socket.resume();
    }
    return events;
  }
}
