import { errorText } from "../error.ts";
import type { ModuleStatus } from "../host/module_host.ts";
import type { Origin } from "../market/origin.ts";
import type { Finding, ProbeResult } from "./probe.ts";

/** One condition of readiness, and why it holds or not. */
export type Check = { name: string; ok: boolean; why: string };

/** What readiness is judged by. */
export type ReadinessInput = {
  origin: Origin;
  required: readonly string[];
  modules: readonly ModuleStatus[];
  nowMs: number;
  heartbeatLimitMs: number;
  /** The store's origin, or why it could not be read. */
  store: { origin: Origin } | { error: unknown };
  /** Who captures, when that is no module. */
  capture?: Finding<ProbeResult>;
  /** What this host waits for, by name, and why. */
  waiting?: Record<string, string>;
  /** Lags that grow, by name. */
  lags: Record<string, { from: number; to: number } | undefined>;
};

/** I7: readiness tells the truth. Ready is what has been seen to be well just now, never what should be. Pure. */
export function checksOf(input: ReadinessInput): Check[] {
  return [
    ...input.required.map((name) => moduleCheck(name, input)),
    ...captureChecks(input),
    ...Object.entries(input.waiting ?? {}).map(([name, why]): Check => ({ name, ok: false, why })),
    ...storeChecks(input),
    ...Object.entries(input.lags).map(([name, growth]): Check => ({
      name: `lag.${name}`,
      ok: growth === undefined,
      why: growth === undefined
        ? "Not growing without bound"
        : `Growing all through the window, from ${figure(growth.from)} to ${figure(growth.to)}`,
    })),
  ];
}

function moduleCheck(required: string, input: ReadinessInput): Check {
  const name = `module.${required}`;
  const module = input.modules.find((one) => one.name === required);
  if (module === undefined) return { name, ok: false, why: "There is no such module" };
  const because = module.detail === "" ? "" : `: ${module.detail}`;
  if (module.state !== "running") return { name, ok: false, why: `Its state is ${module.state}${because}` };
  if (module.health !== "running") {
    return { name, ok: false, why: `Its health is ${module.health}${because}` };
  }
  if (module.lastHeartbeatAt === null) return { name, ok: false, why: "No heartbeat came yet" };
  const age = input.nowMs - module.lastHeartbeatAt;
  if (age > input.heartbeatLimitMs) {
    return {
      name,
      ok: false,
      why: `Its last heartbeat is ${age} ms old, more than ${input.heartbeatLimitMs} ms`,
    };
  }
  return { name, ok: true, why: `Running${because}` };
}

function captureChecks({ capture }: ReadinessInput): Check[] {
  if (capture === undefined) return [];
  if ("error" in capture) return [{ name: "capture", ok: false, why: capture.error }];
  const { state, detail } = capture.value;
  return [{ name: "capture", ok: state === "running", why: detail === "" ? state : `${state}: ${detail}` }];
}

function storeChecks({ store, origin }: ReadinessInput): Check[] {
  if ("error" in store) {
    const why = `Not readable: ${errorText(store.error)}`;
    return [
      { name: "store", ok: false, why },
      { name: "origin", ok: false, why: "The store's origin is not known" },
    ];
  }
  const same = sameOrigin(store.origin, origin);
  return [
    { name: "store", ok: true, why: "Readable" },
    {
      name: "origin",
      ok: same,
      why: same
        ? originText(origin)
        : `The store is from ${originText(store.origin)}, this run from ${originText(origin)}`,
    },
  ];
}

/** The label is for people; kind and id decide. */
export function sameOrigin(a: Origin, b: Origin): boolean {
  return a.kind === b.kind && a.id === b.id;
}

function originText(origin: Origin): string {
  return `${origin.kind}/${origin.id}`;
}

function figure(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}
