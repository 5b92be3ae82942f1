import { CandlewireError } from "../error.ts";
import type { Origin } from "../market/origin.ts";
import type { ModuleContext, ModuleHealth } from "./module_context.ts";

/** What a test sees of a module that runs in its own process space. */
export type MemoryContext = ModuleContext & {
  /** Asks the module to drain and return. */
  stop(): void;
  /** Calls one of the module's handlers, as the host would. */
  invoke(method: string, parameters: unknown, from?: string): Promise<unknown>;
  readonly state: { health: ModuleHealth; detail: string };
  readonly logs: { level: string; message: string; fields?: Record<string, unknown> }[];
  readonly events: { channel: string; event: Record<string, unknown> }[];
  /** Counter totals and last gauge values, keyed `name{label="value"}`. */
  readonly values: Map<string, number>;
};

/** Options of {@linkcode memoryContext}. */
export type MemoryContextOptions = {
  name?: string;
  epoch?: number;
  origin?: Origin;
  secrets?: Record<string, string>;
  /** Answers the module's own calls. */
  answer?: (to: string, method: string, parameters: unknown) => unknown | Promise<unknown>;
};

/** A {@linkcode ModuleContext} without a process: the memory adapter of the module protocol, for tests. */
export function memoryContext(
  parameters: Record<string, unknown>,
  options: MemoryContextOptions = {},
): MemoryContext {
  const controller = new AbortController();
  const handlers = new Map<string, (parameters: unknown, from: string) => unknown>();
  const values = new Map<string, number>();
  const state = { health: "starting" as ModuleHealth, detail: "" };
  const logs: MemoryContext["logs"] = [];
  const events: MemoryContext["events"] = [];
  const add = (name: string, by: number, labels?: Record<string, string>) => {
    const key = metricKey(name, labels);
    values.set(key, (values.get(key) ?? 0) + by);
  };
  return {
    name: options.name ?? "test",
    epoch: options.epoch ?? 1,
    origin: options.origin ?? { kind: "exchange", id: "test", label: "test" },
    parameters,
    secrets: options.secrets ?? {},
    signal: controller.signal,
    log: (level, message, fields) => void logs.push({ level, message, fields }),
    health(health, detail = "") {
      state.health = health;
      state.detail = detail;
    },
    metrics: {
      count: (name, by = 1, labels) => add(name, by, labels),
      gauge: (name, value, labels) => void values.set(metricKey(name, labels), value),
      observe: (name, _value, labels) => add(`${name}_count`, 1, labels),
    },
    publish(channel, event) {
      events.push({ channel, event });
      return true;
    },
    async call(to, method, callParameters) {
      if (options.answer === undefined) {
        throw new CandlewireError("host.unreachable", `Call ${to}.${method}: nothing answers in this test`, {
          retry: "retry",
        });
      }
      return await options.answer(to, method, callParameters);
    },
    handle: (method, handler) => void handlers.set(method, handler),
    stop: () => controller.abort(),
    async invoke(method, callParameters, from = "host") {
      const handler = handlers.get(method);
      if (handler === undefined) {
        throw new CandlewireError("host.unknown_method", `Call ${method}: no such method`);
      }
      return await handler(callParameters, from);
    },
    state,
    logs,
    events,
    values,
  };
}

/** `name{label="value"}`, labels in the order given. */
export function metricKey(name: string, labels: Record<string, string> = {}): string {
  const inner = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(",");
  return inner === "" ? name : `${name}{${inner}}`;
}
