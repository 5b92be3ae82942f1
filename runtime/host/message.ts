import { CandlewireError, type Retry } from "../error.ts";
import type { Origin } from "../market/origin.ts";
import { type Frame, isRecord } from "./frame.ts";
import type { LogLevel, ModuleHealth } from "./module_context.ts";

/** An error as it crosses the process border. Causes stay where they arose. */
export type WireError = {
  code: string;
  message: string;
  retry: Retry;
  hint?: string;
  details?: Record<string, unknown>;
};

/** An answer whose body is still encoded, as the host relays it. */
export type Answer = { ok: true; body: Uint8Array } | { ok: false; error: WireError };

/** What a child is told first. Never logged: it holds secrets (I6). */
export type StartMessage = {
  name: string;
  kind: string;
  epoch: number;
  origin: Origin;
  parameters: Record<string, unknown>;
  secrets: Record<string, string>;
  heartbeatMs: number;
  maxInFlight: number;
  publishCredit: number;
};

/** A frame of a child, decoded. */
export type ChildMessage =
  | { kind: "hello"; protocol: number; tables: string[] }
  | { kind: "heartbeat"; denials: Record<string, number>; body: Uint8Array }
  | { kind: "log"; level: LogLevel; message: string; fields?: Record<string, unknown>; dropped: number }
  | { kind: "health"; health: ModuleHealth; detail: string }
  | { kind: "publish"; channel: string; body: Uint8Array }
  | { kind: "request"; id: number; to: string; method: string; timeoutMs?: number; body: Uint8Array }
  | { kind: "response"; id: number; answer: Answer }
  | { kind: "goodbye"; error?: WireError };

/** The version of the protocol; a child of another one is refused. */
export const PROTOCOL = 1;

/** Longest texts taken from a child; what is longer is cut. */
const MAX_TEXT = 8 * 1024;
const MAX_NAME = 128;

const LEVELS: readonly string[] = ["debug", "info", "warn", "error"];
const HEALTHS: readonly string[] = ["starting", "running", "degraded", "blocked", "stopping"];
const RETRIES: readonly string[] = ["retry", "never", "operator"];

/**
 * A frame of a child as a message. Pure and total: a child may be hostile, so a frame with wrong fields is an error
 * value, never an exception.
 */
export function decodeChildFrame(frame: Frame): ChildMessage | CandlewireError {
  const { kind, head, body } = frame;
  const wrong = (field: string) =>
    new CandlewireError("host.bad_message", `Read a ${kind} frame: field ${field} is ${text(head[field])}`);
  switch (kind) {
    case "hello": {
      if (typeof head.protocol !== "number") return wrong("protocol");
      return { kind, protocol: head.protocol, tables: names(head.tables) };
    }
    case "heartbeat":
      return { kind, denials: counts(head.denials), body };
    case "log": {
      if (typeof head.level !== "string" || !LEVELS.includes(head.level)) return wrong("level");
      if (typeof head.message !== "string") return wrong("message");
      return {
        kind,
        level: head.level as LogLevel,
        message: head.message.slice(0, MAX_TEXT),
        dropped: count(head.dropped),
        ...(isRecord(head.fields) ? { fields: head.fields } : {}),
      };
    }
    case "health": {
      if (typeof head.health !== "string" || !HEALTHS.includes(head.health)) return wrong("health");
      const detail = typeof head.detail === "string" ? head.detail.slice(0, MAX_TEXT) : "";
      return { kind, health: head.health as ModuleHealth, detail };
    }
    case "publish": {
      if (!isName(head.channel)) return wrong("channel");
      return { kind, channel: head.channel, body };
    }
    case "request": {
      if (!isId(head.id)) return wrong("id");
      if (!isName(head.to)) return wrong("to");
      if (!isName(head.method)) return wrong("method");
      const timeoutMs = count(head.timeoutMs);
      return {
        kind,
        id: head.id,
        to: head.to,
        method: head.method,
        body,
        ...(timeoutMs > 0 ? { timeoutMs } : {}),
      };
    }
    case "response": {
      if (!isId(head.id)) return wrong("id");
      if (head.error === undefined) return { kind, id: head.id, answer: { ok: true, body } };
      return { kind, id: head.id, answer: { ok: false, error: decodeWireError(head.error) } };
    }
    case "goodbye":
      return head.error === undefined ? { kind } : { kind, error: decodeWireError(head.error) };
    case "start":
    case "stop":
    case "credit":
      return new CandlewireError(
        "host.bad_message",
        `Read a ${kind} frame from a child: only the host sends it`,
      );
  }
}

/** An error to send. */
export function encodeWireError(error: unknown): WireError {
  if (error instanceof CandlewireError) {
    return {
      code: error.code,
      message: error.message,
      retry: error.retry,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(Object.keys(error.details).length === 0 ? {} : { details: error.details }),
    };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : text(error);
  return { code: "module.error", message: message.slice(0, MAX_TEXT), retry: "never" };
}

/** A received error, whatever was sent. */
export function decodeWireError(value: unknown): WireError {
  if (!isRecord(value)) return { code: "module.error", message: text(value), retry: "never" };
  return {
    code: isName(value.code) ? value.code : "module.error",
    message: typeof value.message === "string" ? value.message.slice(0, MAX_TEXT) : text(value.message),
    retry: RETRIES.includes(value.retry as string) ? value.retry as Retry : "never",
    ...(typeof value.hint === "string" ? { hint: value.hint.slice(0, MAX_TEXT) } : {}),
    ...(isRecord(value.details) ? { details: value.details } : {}),
  };
}

/** A received error as it is thrown to the caller. */
export function thrownError(error: WireError): CandlewireError {
  return new CandlewireError(error.code, error.message, error);
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_NAME;
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(isName).slice(0, 64) : [];
}

function count(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? value as number : 0;
}

function counts(value: unknown): Record<string, number> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).slice(0, 32).map(([name, n]) => [name.slice(0, MAX_NAME), count(n)]),
  );
}

function text(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 200);
  } catch {
    return typeof value;
  }
}
