import type { ModuleStatus } from "../host/module_host.ts";

/** A latency over the last minute, in seconds. p50 and p99 only where the module reports buckets. */
export type Latency = { p50: number | null; p99: number | null; mean: number };

type Sample = { atMs: number; epoch: number; metrics: Record<string, number> };

/** Options of {@linkcode Rates}. */
export type RatesOptions = {
  /** Rates are taken over about this long. */
  windowMs?: number;
  /** Latencies are taken over about this long. */
  latencyWindowMs?: number;
  /** Samples kept a module (I10). */
  maxSamples?: number;
};

/** Rates and latencies from successive snapshots of the modules' counters. A restarted module counts from zero. */
export class Rates {
  readonly #windowMs: number;
  readonly #latencyWindowMs: number;
  readonly #maxSamples: number;
  readonly #samples = new Map<string, Sample[]>();

  constructor(options: RatesOptions = {}) {
    this.#windowMs = options.windowMs ?? 5_000;
    this.#latencyWindowMs = options.latencyWindowMs ?? 60_000;
    this.#maxSamples = options.maxSamples ?? 64;
  }

  /** Takes a snapshot of all modules; those no longer there are forgotten. */
  sample(modules: readonly ModuleStatus[], atMs: number): void {
    const names = new Set(modules.map((module) => module.name));
    for (const name of this.#samples.keys()) if (!names.has(name)) this.#samples.delete(name);
    for (const module of modules) {
      let samples = this.#samples.get(module.name) ?? [];
      const last = samples.at(-1);
      if (last !== undefined && last.atMs >= atMs) continue;
      // Another epoch is another process: its counters began again.
      if (last !== undefined && last.epoch !== module.epoch) samples = [];
      samples.push({
        atMs,
        epoch: module.epoch,
        metrics: { ...module.metrics, [CPU]: module.cpuSeconds ?? NaN },
      });
      while (samples.length > this.#maxSamples) samples.shift();
      this.#samples.set(module.name, samples);
    }
  }

  /** Every counter of a module per second. */
  ratesOf(module: string): Record<string, number> {
    const rates: Record<string, number> = {};
    for (const key of Object.keys(this.#samples.get(module)?.at(-1)?.metrics ?? {})) {
      if (!/_total(\{|$)/.test(key)) continue;
      const rate = this.#delta(module, key, this.#windowMs);
      if (rate !== null) rates[key] = rate.by / rate.seconds;
    }
    return rates;
  }

  /** The sum over all label sets of one counter, per second; null until two samples hold it. */
  rate(module: string, name: string): number | null {
    let sum: number | null = null;
    for (const key of keysOf(this.#samples.get(module)?.at(-1)?.metrics ?? {}, name)) {
      const delta = this.#delta(module, key, this.#windowMs);
      if (delta !== null) sum = (sum ?? 0) + delta.by / delta.seconds;
    }
    return sum;
  }

  /** CPU use of a module in percent of one core; null while unknown. */
  cpuPercent(module: string): number | null {
    const delta = this.#delta(module, CPU, this.#windowMs);
    return delta === null || !Number.isFinite(delta.by) ? null : delta.by / delta.seconds * 100;
  }

  /** A histogram's figures over the last minute; null when nothing was observed. */
  latency(module: string, name: string): Latency | null {
    const metrics = this.#samples.get(module)?.at(-1)?.metrics ?? {};
    const over = (key: string) => this.#delta(module, key, this.#latencyWindowMs)?.by ?? 0;
    const sumOver = (part: string) => keysOf(metrics, part).reduce((sum, key) => sum + over(key), 0);
    const count = sumOver(`${name}_count`);
    if (!(count > 0)) return null;
    const buckets = new Map<number, number>();
    for (const key of keysOf(metrics, `${name}_bucket`)) {
      const bound = /[{,]le="([^"]+)"/.exec(key)?.[1];
      if (bound === undefined) continue;
      const upper = bound === "+Inf" ? Infinity : Number(bound);
      buckets.set(upper, (buckets.get(upper) ?? 0) + over(key));
    }
    return {
      p50: quantile(buckets, count, 0.5),
      p99: quantile(buckets, count, 0.99),
      mean: sumOver(`${name}_sum`) / count,
    };
  }

  #delta(module: string, key: string, windowMs: number): { by: number; seconds: number } | null {
    const samples = this.#samples.get(module) ?? [];
    const last = samples.at(-1);
    if (last === undefined) return null;
    const first = samples.find((sample) => sample.atMs >= last.atMs - windowMs)!;
    if (first === last) return null;
    const after = last.metrics[key];
    if (after === undefined) return null;
    // A label set that appeared within the window began at zero.
    const before = first.metrics[key] ?? 0;
    return { by: after >= before ? after - before : after, seconds: (last.atMs - first.atMs) / 1000 };
  }
}

const CPU = "\u0000cpu";

/** The keys of one metric with any labels. */
export function keysOf(metrics: Record<string, number>, name: string): string[] {
  return Object.keys(metrics).filter((key) => key === name || key.startsWith(`${name}{`));
}

/** The sum of one metric over its label sets; null when it has none. */
export function sumOf(metrics: Record<string, number>, name: string): number | null {
  const keys = keysOf(metrics, name);
  return keys.length === 0 ? null : keys.reduce((sum, key) => sum + metrics[key]!, 0);
}

/** As Prometheus' histogram_quantile: linear within the bucket; the last finite bound when beyond it. */
function quantile(buckets: Map<number, number>, count: number, rank: number): number | null {
  const bounds = [...buckets.keys()].sort((a, b) => a - b);
  let lower = 0;
  let below = 0;
  for (const bound of bounds) {
    const upTo = buckets.get(bound)!;
    if (upTo >= rank * count) {
      if (bound === Infinity) return lower === 0 ? null : lower;
      const inside = upTo - below;
      return inside === 0 ? bound : lower + (bound - lower) * (rank * count - below) / inside;
    }
    lower = bound;
    below = upTo;
  }
  return null;
}
