import type { Position } from "../change/record.ts";

/** How often capture is told at most. */
const EVERY_MS = 500;

/**
 * Tells capture which positions are durable downstream, so that the journal's retention may follow (I1, I10): all of
 * them, at most twice a second, one call in flight. A call that fails is made again with what is current then.
 */
export class Acknowledgements {
  readonly #send: (positions: Position[]) => Promise<unknown>;
  #positions: Position[] = [];
  #changed = false;
  #busy = false;
  #sentAt = -Infinity;

  constructor(send: (positions: Position[]) => Promise<unknown>) {
    this.#send = send;
  }

  /** Takes all durable positions. */
  set(positions: Position[]): void {
    this.#positions = positions;
    this.#changed = true;
  }

  /** Sends what has changed when it is time; `force` at the end. Never rejects. */
  async flush(now: number, force = false): Promise<void> {
    if (!this.#changed || this.#busy || (!force && now - this.#sentAt < EVERY_MS)) return;
    this.#busy = true;
    this.#changed = false;
    this.#sentAt = now;
    try {
      await this.#send(this.#positions);
    } catch {
      // Capture is down or the call was lost: unread segments are kept until the next one arrives.
      this.#changed = true;
    } finally {
      this.#busy = false;
    }
  }
}
