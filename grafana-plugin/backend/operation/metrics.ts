/** Upper bounds of the histogram, seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

type Series = { count: number; sum: number; buckets: number[] };

/** What the process tells of itself, as Prometheus text. */
export class Metrics {
  readonly #queries = new Map<string, Series>();
  readonly #instances: () => number;
  #streams = 0;
  #packets = 0;

  /** `instances`: how many data sources are open. */
  constructor(instances: () => number) {
    this.#instances = instances;
  }

  /** A query was answered. */
  query(kind: string, outcome: "ok" | "error", ms: number): void {
    const key = `kind="${kind}",outcome="${outcome}"`;
    let series = this.#queries.get(key);
    if (series === undefined) {
      this.#queries.set(
        key,
        series = {
          count: 0,
          sum: 0,
          buckets: BOUNDS.map(() => 0),
        },
      );
    }
    const seconds = ms / 1000;
    series.count++;
    series.sum += seconds;
    for (const [at, bound] of BOUNDS.entries()) if (seconds <= bound) series.buckets[at]!++;
  }

  /** A stream began (1) or ended (-1). */
  stream(change: 1 | -1): void {
    this.#streams += change;
  }

  /** A packet was sent. */
  packet(): void {
    this.#packets++;
  }

  text(): string {
    const { rss, heapUsed } = Deno.memoryUsage();
    const name = "candlewire_datasource_query_duration_seconds";
    const lines = [`# HELP ${name} Time of a query`, `# TYPE ${name} histogram`];
    for (const [labels, { count, sum, buckets }] of this.#queries) {
      for (const [at, bound] of BOUNDS.entries()) {
        lines.push(`${name}_bucket{${labels},le="${bound}"} ${buckets[at]}`);
      }
      lines.push(
        `${name}_bucket{${labels},le="+Inf"} ${count}`,
        `${name}_sum{${labels}} ${sum}`,
        `${name}_count{${labels}} ${count}`,
      );
    }
    const figure = (name: string, type: string, help: string, value: number) =>
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`);
    figure("candlewire_datasource_streams", "gauge", "Streams that run", this.#streams);
    figure("candlewire_datasource_packets_total", "counter", "Packets that streams sent", this.#packets);
    figure("candlewire_datasource_instances", "gauge", "Data sources that are open", this.#instances());
    figure("candlewire_datasource_resident_bytes", "gauge", "Memory of the process", rss);
    figure("candlewire_datasource_heap_bytes", "gauge", "Memory of its JavaScript heap in use", heapUsed);
    return lines.join("\n") + "\n";
  }
}
