/** What a request may do: go on, back off, or nothing any more. */
export type Verdict =
  | { kind: "ok"; used: number }
  | { kind: "slow"; used: number; retryAfterSeconds: number }
  | { kind: "banned"; used: number; retryAfterSeconds: number; until: number };

type Client = { minute: number; used: number; refused: number; bannedUntil: number; bans: number };

const MINUTE_MS = 60_000;
const LONGEST_BAN_MS = 3 * 86_400_000;
/** Addresses remembered at the same time (I10). */
const MAX_CLIENTS = 10_000;

/**
 * Binance's request weights by address: fixed real minutes; 429 past the limit, 418 for who goes on all the same, each
 * ban twice as long as the one before. Pure: told the wall time.
 */
export class WeightLimits {
  readonly #limit: number;
  readonly #banAfter: number;
  readonly #banMs: number;
  readonly #clients = new Map<string, Client>();

  constructor(options: { weightPerMinute: number; banAfter: number; banMs: number }) {
    this.#limit = options.weightPerMinute;
    this.#banAfter = options.banAfter;
    this.#banMs = options.banMs;
  }

  /** Charges a request. */
  charge(address: string, weight: number, wall: number): Verdict {
    const minute = Math.floor(wall / MINUTE_MS);
    let client = this.#clients.get(address);
    if (client === undefined) {
      if (this.#clients.size >= MAX_CLIENTS) this.#clients.delete(this.#clients.keys().next().value!);
      this.#clients.set(address, client = { minute, used: 0, refused: 0, bannedUntil: 0, bans: 0 });
    }
    if (client.minute !== minute) Object.assign(client, { minute, used: 0, refused: 0 });
    const ban = this.ban(address, wall);
    if (ban !== undefined) return ban;
    client.used += weight;
    if (client.used <= this.#limit) return { kind: "ok", used: client.used };
    if (++client.refused > this.#banAfter) {
      const length = Math.min(this.#banMs * 2 ** client.bans++, LONGEST_BAN_MS);
      client.bannedUntil = wall + length;
      client.refused = 0;
      return {
        kind: "banned",
        used: client.used,
        retryAfterSeconds: Math.ceil(length / 1000),
        until: client.bannedUntil,
      };
    }
    const retryAfterSeconds = Math.max(1, Math.ceil(((minute + 1) * MINUTE_MS - wall) / 1000));
    return { kind: "slow", used: client.used, retryAfterSeconds };
  }

  /** The refusal of an address that is banned now; undefined for others. Charges nothing. */
  ban(address: string, wall: number): Verdict | undefined {
    const client = this.#clients.get(address);
    if (client === undefined || wall >= client.bannedUntil) return undefined;
    const retryAfterSeconds = Math.ceil((client.bannedUntil - wall) / 1000);
    return { kind: "banned", used: client.used, retryAfterSeconds, until: client.bannedUntil };
  }

  /** Weight an address used in the current minute. */
  used(address: string, wall: number): number {
    const client = this.#clients.get(address);
    return client !== undefined && client.minute === Math.floor(wall / MINUTE_MS) ? client.used : 0;
  }
}

/** At most `limit` things in any `windowMs`, by key. */
export class SlidingLimit {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #times = new Map<string, number[]>();

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** Counts one; false when it is one too many (which is not counted). */
  take(key: string, wall: number): boolean {
    let times = this.#times.get(key);
    if (times === undefined) {
      if (this.#times.size >= MAX_CLIENTS) this.#times.delete(this.#times.keys().next().value!);
      this.#times.set(key, times = []);
    }
    while (times.length > 0 && times[0]! <= wall - this.#windowMs) times.shift();
    if (times.length >= this.#limit) return false;
    times.push(wall);
    return true;
  }

  forget(key: string): void {
    this.#times.delete(key);
  }
}
