/** The `id` of a client's message: integer, short text or null, told back as it came. */
export type MessageId = number | string | null;

/** A client's message, or the error that answers it. Codes and texts are those of Binance's web-socket-streams.md. */
export type ControlMessage =
  | { method: "SUBSCRIBE" | "UNSUBSCRIBE"; params: string[]; id: MessageId }
  | { method: "LIST_SUBSCRIPTIONS"; id: MessageId }
  | { method: "SET_PROPERTY"; combined: boolean; id: MessageId }
  | { method: "GET_PROPERTY"; id: MessageId }
  | { method: "error"; code: number; msg: string; id: MessageId | undefined };

const METHODS = ["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY"] as const;
const FIELDS = new Set(["method", "params", "id"]);

/** Reads a client's text. Total: anything malformed becomes Binance's error. */
export function decodeControlMessage(text: string): ControlMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const [line, column] = firstProblem(text);
    return failure(3, `Invalid JSON: expected value at line ${line} column ${column}`, undefined);
  }
  const place = `at line 1 column ${text.length}`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return failure(2, `Invalid request: expected an object ${place}`, undefined);
  }
  const message = value as Record<string, unknown>;
  const id = readId(message.id);
  if (id === undefined) {
    return failure(2, "Invalid request: request ID must be an unsigned integer", undefined);
  }
  if (!("method" in message)) return failure(2, `Invalid request: missing field \`method\` ${place}`, id);
  const method = METHODS.find((each) => each === message.method);
  if (method === undefined) {
    const expected = METHODS.map((each) => `\`${each}\``).join(", ");
    const given = typeof message.method === "string" ? message.method : JSON.stringify(message.method);
    return failure(
      2,
      `Invalid request: unknown variant \`${given}\`, expected one of ${expected} ${place}`,
      id,
    );
  }
  if (Object.keys(message).some((key) => !FIELDS.has(key))) {
    return failure(2, "Invalid request: too many parameters", id);
  }
  return withParams(method, message.params, id);
}

function withParams(method: typeof METHODS[number], params: unknown, id: MessageId): ControlMessage {
  if (method === "LIST_SUBSCRIPTIONS") {
    const none = params === undefined || params === null || (Array.isArray(params) && params.length === 0);
    return none ? { method, id } : failure(2, "Invalid request: too many parameters", id);
  }
  if (!Array.isArray(params)) return failure(2, "Invalid request: missing field `params`", id);
  if (method === "SUBSCRIBE" || method === "UNSUBSCRIBE") {
    const names = params.filter((each): each is string => typeof each === "string");
    return names.length === params.length && names.length > 0
      ? { method, params: names, id }
      : failure(2, "Invalid request: params must be an array of stream names", id);
  }
  const [name, value, ...rest] = params as unknown[];
  if (typeof name !== "string") return failure(2, "Invalid request: property name must be a string", id);
  if (name !== "combined") return failure(0, "Unknown property", id);
  if (rest.length > 0 || (method === "GET_PROPERTY" && value !== undefined)) {
    return failure(2, "Invalid request: too many parameters", id);
  }
  if (method === "GET_PROPERTY") return { method, id };
  if (typeof value !== "boolean") return failure(1, "Invalid value type: expected Boolean", id);
  return { method, combined: value, id };
}

function readId(id: unknown): MessageId | undefined {
  if (id === null) return null;
  if (typeof id === "number") return Number.isSafeInteger(id) ? id : undefined;
  return typeof id === "string" && /^[A-Za-z0-9_-]{1,36}$/.test(id) ? id : undefined;
}

function failure(code: number, msg: string, id: MessageId | undefined): ControlMessage {
  return { method: "error", code, msg, id };
}

/** Line and column of the longest prefix without a problem; an approximation that tells people where to look. */
function firstProblem(text: string): [number, number] {
  const start = text.search(/\S/);
  const before = text.slice(0, Math.max(0, start) + 1).split("\n");
  return [before.length, before[before.length - 1]!.length];
}

/** The answer to a message that worked. */
export function encodeResult(result: unknown, id: MessageId): string {
  return JSON.stringify({ result, id });
}

/** The answer to a message that did not; without `id` when the client's could not be read. */
export function encodeFailure(code: number, msg: string, id: MessageId | undefined): string {
  return JSON.stringify(id === undefined ? { error: { code, msg } } : { error: { code, msg }, id });
}
