import { createHash, timingSafeEqual } from "node:crypto";
import { newSecret, type Tokens } from "./tokens.ts";

/** What a caller may do. */
export type Role = "viewer" | "operator";

/** A console session. */
export type Session = { role: Role; expiresAt: number };

/** Options of {@linkcode Sessions}. */
export type SessionsOptions = { sessionTtlMs: number; loginCodeTtlMs: number; maxSessions?: number };

/**
 * Who is who: bearer tokens, one-time login codes, cookie sessions. Sessions live in memory: a restart of the host
 * signs everybody out. Secrets are kept as hashes, so that equal-length comparison in constant time is possible
 * for input of any length.
 */
export class Sessions {
  readonly #viewer: Uint8Array;
  readonly #operator: Uint8Array;
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #codes = new Map<string, number>();

  constructor(tokens: Tokens, options: SessionsOptions) {
    this.#viewer = digest(tokens.viewer);
    this.#operator = digest(tokens.operator);
    this.#options = options;
  }

  /** The role of a bearer token. */
  roleOf(token: string): Role | undefined {
    const given = digest(token);
    // Both are always compared: the time taken tells nothing.
    const operator = timingSafeEqual(given, this.#operator);
    const viewer = timingSafeEqual(given, this.#viewer);
    return operator ? "operator" : viewer ? "viewer" : undefined;
  }

  /** A new code for the login link. Codes not yet used stay good until they expire; at most 16 are. */
  newCode(nowMs: number): string {
    const code = newSecret();
    this.#codes.set(key(code), nowMs + this.#options.loginCodeTtlMs);
    if (this.#codes.size > 16) this.#codes.delete(this.#codes.keys().next().value!);
    return code;
  }

  /** True once for a code that was given out and has not expired. */
  spendCode(code: string, nowMs: number): boolean {
    const expiresAt = this.#codes.get(key(code));
    this.#codes.delete(key(code));
    return expiresAt !== undefined && expiresAt > nowMs;
  }

  /** Opens a session and returns the cookie's value. */
  open(role: Role, nowMs: number): { id: string; session: Session } {
    const id = newSecret();
    const session = { role, expiresAt: nowMs + this.#options.sessionTtlMs };
    this.#sessions.set(key(id), session);
    // I10: the oldest goes when there are too many.
    if (this.#sessions.size > (this.#options.maxSessions ?? 256)) {
      this.#sessions.delete(this.#sessions.keys().next().value!);
    }
    return { id, session };
  }

  /** The session of a cookie's value, unless it has expired. */
  get(id: string, nowMs: number): Session | undefined {
    const session = this.#sessions.get(key(id));
    if (session === undefined || session.expiresAt > nowMs) return session;
    this.#sessions.delete(key(id));
    return undefined;
  }

  close(id: string): void {
    this.#sessions.delete(key(id));
  }
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** A lookup by hash leaks nothing about the secret through the time it takes. */
function key(secret: string): string {
  return createHash("sha256").update(secret).digest("base64");
}
