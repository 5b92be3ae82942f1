import { metricKey } from "./memory_context.ts";
import type { Metrics } from "./module_context.ts";

/** What changed since the last snapshot: values by `metricKey`, and the type of each new metric name. */
export type MetricsSnapshot = {
  values: Record<string, number>;
  types: Record<string, "counter" | "gauge" | "histogram">;
};

/** Series a module may have; further ones are dropped and counted (I10). */
export const MAX_SERIES = 2000;

/** Upper bounds of a histogram's buckets: seconds from half a millisecond to a minute, or bytes by powers of four. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const BYTES = Array.from({ length: 14 }, (_, power) => 64 * 4 ** power);

type Histogram = { bounds: readonly number[]; counts: number[]; sum: number; count: number };

/** A module's counters, gauges and histograms, kept in the child and sent as changes with each heartbeat. */
export class ChildMetrics implements Metrics {
  readonly #values = new Map<string, number>();
  readonly #changed = new Set<string>();
  readonly #types = new Map<string, "counter" | "gauge" | "histogram">();
  readonly #newTypes = new Set<string>();
  readonly #histograms = new Map<string, Histogram & { name: string; labels?: Record<string, string> }>();
  readonly #changedHistograms = new Set<string>();

  count(name: string, by = 1, labels?: Record<string, string>): void {
    this.#type(name, "counter");
    const key = metricKey(name, labels);
    this.#set(key, (this.#values.get(key) ?? 0) + by);
  }

  gauge(name: string, value: number, labels?: Record<string, string>): void {
    this.#type(name, "gauge");
    this.#set(metricKey(name, labels), value);
  }

  observe(name: string, value: number, labels?: Record<string, string>): void {
    this.#type(name, "histogram");
    const key = metricKey(name, labels);
    let histogram = this.#histograms.get(key);
    if (histogram === undefined) {
      if (this.#histograms.size * (SECONDS.length + 3) > MAX_SERIES) return this.#drop();
      const bounds = name.endsWith("_bytes") ? BYTES : SECONDS;
      histogram = { name, labels, bounds, counts: new Array(bounds.length + 1).fill(0), sum: 0, count: 0 };
      this.#histograms.set(key, histogram);
    }
    let bucket = 0;
    while (bucket < histogram.bounds.length && value > histogram.bounds[bucket]!) bucket++;
    histogram.counts[bucket]!++;
    histogram.sum += value;
    histogram.count++;
    this.#changedHistograms.add(key);
  }

  /** What changed since the last call. */
  takeSnapshot(): MetricsSnapshot {
    const values: Record<string, number> = {};
    for (const key of this.#changed) values[key] = this.#values.get(key)!;
    this.#changed.clear();
    for (const key of this.#changedHistograms) {
      const { name, labels, bounds, counts, sum, count } = this.#histograms.get(key)!;
      let total = 0;
      for (let bucket = 0; bucket < counts.length; bucket++) {
        total += counts[bucket]!;
        const le = bucket < bounds.length ? String(bounds[bucket]) : "+Inf";
        values[metricKey(`${name}_bucket`, { ...labels, le })] = total;
      }
      values[metricKey(`${name}_sum`, labels)] = sum;
      values[metricKey(`${name}_count`, labels)] = count;
    }
    this.#changedHistograms.clear();
    const types: MetricsSnapshot["types"] = {};
    for (const name of this.#newTypes) types[name] = this.#types.get(name)!;
    this.#newTypes.clear();
    return { values, types };
  }

  #set(key: string, value: number): void {
    if (!this.#values.has(key) && this.#values.size >= MAX_SERIES) return this.#drop();
    this.#values.set(key, value);
    this.#changed.add(key);
  }

  #drop(): void {
    const key = "candlewire_metric_series_dropped_total";
    this.#type(key, "counter");
    this.#values.set(key, (this.#values.get(key) ?? 0) + 1);
    this.#changed.add(key);
  }

  #type(name: string, type: "counter" | "gauge" | "histogram"): void {
    if (this.#types.has(name) || this.#types.size > MAX_SERIES) return;
    this.#types.set(name, type);
    this.#newTypes.add(name);
  }
}
