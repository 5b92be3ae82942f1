/** What a caller may do about an error: try again, stop and tell a person, or set the input aside. */
export type Retry = "retry" | "never" | "operator";

/** The parts of a {@linkcode CandlewireError} beyond its text. */
export type CandlewireErrorOptions = {
  /** What may be done about it. Default `never`: the same input fails again. */
  retry?: Retry;
  /** What a person can do, one sentence. */
  hint?: string;
  cause?: unknown;
  /** Values for logs and problem documents; never secrets (I6). */
  details?: Record<string, unknown>;
};

/**
 * The project's one error class. `code` is stable and dotted, owned by the folder that raises it
 * (`config.unknown_key`, `capture.slot_lost`); the text says the action, then the current value.
 */
export class CandlewireError extends Error {
  override name = "CandlewireError";
  readonly code: string;
  readonly retry: Retry;
  readonly hint?: string;
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, options: CandlewireErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retry = options.retry ?? "never";
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

/** The text of anything that was thrown, for logs and dead letters. */
export function errorText(error: unknown): string {
  if (error instanceof CandlewireError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${causeText(error)}` : String(error);
}

/** What happened and what to do about it, in a line for people: `Write a batch: no answer. Check that enough nodes are up`. */
export function adviceText({ message, hint }: { message: string; hint?: string }): string {
  return hint === undefined ? message : `${message}. ${hint}`;
}

/** An error's message and what lies below it: `fetch failed: getaddrinfo ENOTFOUND api.binance.com`. */
export function causeText(error: Error): string {
  const parts = [error.message];
  for (let at = error.cause; at instanceof Error && parts.length < 4; at = at.cause) {
    if (!parts.at(-1)!.includes(at.message)) parts.push(at.message);
  }
  return parts.join(": ");
}

/** For `catch`: a file that is not there is no value; anything else is thrown on. */
export function ignoreMissing(error: unknown): undefined {
  if (error instanceof Deno.errors.NotFound) return undefined;
  throw error;
}
