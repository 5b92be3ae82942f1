import { createHash } from "node:crypto";

/** Options of {@linkcode FailedSignIns}. */
export type FailedSignInsOptions = {
  /** Different wrong credentials an address may present within the window. */
  limit: number;
  windowMs?: number;
  /** Addresses remembered at most (I10); the oldest is forgotten first. */
  maxAddresses?: number;
};

/**
 * Limits guessing. It counts different wrong credentials per address: a program with one stale token is no guesser
 * and must not lock out others behind the same address.
 */
export class FailedSignIns {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #maxAddresses: number;
  readonly #failures = new Map<string, { until: number; hashes: Set<string> }>();

  constructor(options: FailedSignInsOptions) {
    this.#limit = options.limit;
    this.#windowMs = options.windowMs ?? 60_000;
    this.#maxAddresses = options.maxAddresses ?? 1024;
  }

  /** Milliseconds until this address may try again; 0 when it may now. */
  blockedFor(address: string, nowMs: number): number {
    const entry = this.#failures.get(address);
    if (entry === undefined || entry.until <= nowMs) return 0;
    return entry.hashes.size >= this.#limit ? entry.until - nowMs : 0;
  }

  /** Notes a wrong credential; true when it is a new one. */
  failed(address: string, credential: string, nowMs: number): boolean {
    let entry = this.#failures.get(address);
    if (entry === undefined || entry.until <= nowMs) {
      this.#failures.delete(address);
      entry = { until: nowMs + this.#windowMs, hashes: new Set() };
      this.#failures.set(address, entry);
      if (this.#failures.size > this.#maxAddresses) {
        this.#failures.delete(this.#failures.keys().next().value!);
      }
    }
    if (entry.hashes.size >= this.#limit) return false;
    const before = entry.hashes.size;
    entry.hashes.add(createHash("sha256").update(credential).digest("base64"));
    return entry.hashes.size > before;
  }
}
