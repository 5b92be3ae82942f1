import { CandlewireError, errorText } from "../error.ts";
import type { ModuleHost } from "../host/module_host.ts";
import type { Origin } from "../market/origin.ts";
import type { MarketQuery } from "../query/market_query.ts";
import type { ControlConfig } from "./config.ts";
import { LagWatch } from "./lag_watch.ts";
import { edgesOf, type JournalFigures, type Stage, stagesOf } from "./pipeline.ts";
import { type Finding, type Probe, type ProbeResult, Watched, within } from "./probe.ts";
import { Rates, sumOf } from "./rates.ts";
import { type Check, checksOf, sameOrigin } from "./readiness.ts";

/** Looks at parts that are no modules, given by main. */
export type Probes = {
  source?: Probe;
  postgres?: Probe;
  /** Who captures when no module does: Debezium in Kafka Connect. Must be `running` for readiness. */
  capture?: Probe;
  /** What this host waits for, by name: leases that another host holds. Shown by readiness until it is undefined. */
  waiting?: () => Record<string, string>;
  /** Instead of capture's handler `journal`, for Kafka. */
  journal?: () => Promise<JournalFigures>;
  /** Bytes on disk by part. */
  disk?: () => Promise<Record<string, number>>;
};

/** What a {@linkcode Sampler} looks at. */
export type SamplerOptions = {
  host: ModuleHost;
  query: MarketQuery;
  origin: Origin;
  profile: string;
  version: string;
  required: readonly string[];
  probes: Probes;
  config: ControlConfig;
  nowMs: () => number;
  /** A clock that never goes back, for what is due so long after the last time. */
  steadyMs: () => number;
};

/** The body of `GET pipeline`, beside the origin. */
export type PipelineDocument = {
  profile: string;
  version: string;
  versions: Record<string, string>;
  startedAt: number;
  uptimeMs: number;
  at: number;
  ready: boolean;
  notReady: string[];
  alerts: number;
  diskBytes: Record<string, number>;
  stages: Stage[];
  edges: ReturnType<typeof edgesOf>;
};

/** How long readiness and the picture wait for the store. */
const STORE_PATIENCE_MS = 2_000;

/** Looks at everything once a `sampleMs` and remembers enough to say rates, lags and readiness. */
export class Sampler {
  readonly rates = new Rates();
  readonly startedMs: number;
  /** Alerts raised since the start. */
  alerts = 0;
  readonly #options: SamplerOptions;
  readonly #lags: Record<"producer" | "capture" | "consumer", LagWatch>;
  readonly #source: Watched<ProbeResult> | undefined;
  readonly #postgres: Watched<ProbeResult> | undefined;
  readonly #capture: Watched<ProbeResult> | undefined;
  readonly #logGrowth = new Growth();
  readonly #journal: Watched<JournalFigures>;
  readonly #counts: Watched<Record<string, number>>;
  readonly #disk: Watched<Record<string, number>> | undefined;
  readonly #storeOrigin: Watched<Origin>;

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.startedMs = options.nowMs();
    const { config, probes, host, query } = options;
    const { lagWindowMs: windowMs, callTimeoutMs } = config;
    this.#lags = {
      producer: new LagWatch({ windowMs, floor: config.lagFloorSeconds }),
      capture: new LagWatch({ windowMs, floor: config.lagFloorBytes }),
      consumer: new LagWatch({ windowMs, floor: config.lagFloorRecords }),
    };
    const watched = <T>(look: () => Promise<T>, everyMs: number, action: string) =>
      new Watched(() => within(look(), callTimeoutMs, action), everyMs);
    const often = config.sampleMs;
    this.#source = probes.source && watched(probes.source, 2 * often, "Look at the source");
    this.#postgres = probes.postgres && watched(probes.postgres, 2 * often, "Look at PostgreSQL");
    this.#capture = probes.capture && watched(probes.capture, 2 * often, "Look at Kafka Connect");
    this.#journal = watched(
      probes.journal ??
        (async () =>
          (await host.call("capture", "journal", {}, { timeoutMs: callTimeoutMs }) ?? {}) as JournalFigures),
      2 * often,
      "Look at the journal",
    );
    this.#counts = watched(() => query.counts(), 5 * often, "Count the store's rows");
    this.#disk = probes.disk && watched(probes.disk, 10 * often, "Measure the disk");
    this.#storeOrigin = watched(() => query.origin(), often / 2, "Read the store's origin");
  }

  /** Takes one sample. Never waits for what is slow. */
  tick(): void {
    const now = this.#options.steadyMs();
    const modules = this.#options.host.modules();
    this.rates.sample(modules, now);
    const lag = (kind: string, gauge: string) => {
      const values = modules.filter((module) => module.kind === kind)
        .map((module) => sumOf(module.metrics, gauge)).filter((value) => value !== null);
      return values.length === 0 ? null : Math.max(...values);
    };
    this.#lags.producer.sample(lag("producer", "candlewire_source_lag_seconds"), now);
    this.#lags.capture.sample(lag("capture", "candlewire_capture_lag_bytes"), now);
    this.#lags.consumer.sample(lag("consumer", "candlewire_consumer_lag_records"), now);
    for (const one of this.#looks()) void one?.refresh(now);
    const { value } = this.#journal;
    if (value !== undefined) this.#logGrowth.sample(recordsOf(value), now);
  }

  #looks() {
    return [
      this.#source,
      this.#postgres,
      this.#capture,
      this.#journal,
      this.#counts,
      this.#disk,
      this.#storeOrigin,
    ];
  }

  /** Rejects when the store's rows are of another origin than this run's: they must not be shown as its own (I8). */
  async assertOrigin(): Promise<void> {
    const { origin } = this.#options;
    const found = await this.#readOrigin();
    if (sameOrigin(found, origin)) return;
    throw new CandlewireError(
      "control.origin_mismatch",
      `Read the store: it holds ${found.kind}/${found.id} and this run is ${origin.kind}/${origin.id}`,
      {
        retry: "operator",
        hint: "Start with the data folder of this origin, or name another with --data-dir",
      },
    );
  }

  async #readOrigin(): Promise<Origin> {
    // A store that hangs must not hang the truth about it (I7).
    await within(
      this.#storeOrigin.refresh(this.#options.steadyMs()),
      STORE_PATIENCE_MS,
      "Read the store's origin",
    );
    if (this.#storeOrigin.error !== undefined) throw this.#storeOrigin.error;
    return this.#storeOrigin.value!;
  }

  /** The conditions of readiness, looked at now. */
  async checks(): Promise<Check[]> {
    const { origin, required, host, config, nowMs, steadyMs, probes } = this.#options;
    if (this.#capture !== undefined && found(this.#capture) === undefined) {
      await this.#capture.refresh(steadyMs());
    }
    const store = await this.#readOrigin().then((origin) => ({ origin }), (error: unknown) => ({ error }));
    return checksOf({
      origin,
      required,
      modules: host.modules(),
      nowMs: nowMs(),
      heartbeatLimitMs: config.heartbeatLimitMs,
      store,
      capture: found(this.#capture),
      waiting: probes.waiting?.() ?? {},
      lags: {
        producer: this.#lags.producer.growing(),
        capture: this.#lags.capture.growing(),
        consumer: this.#lags.consumer.growing(),
      },
    });
  }

  /** The picture of the pipeline. */
  async document(): Promise<PipelineDocument> {
    const { origin, profile, version, host, nowMs, steadyMs } = this.#options;
    const now = nowMs();
    await Promise.all(
      [this.#counts, this.#journal].map((one) => one.value ?? one.error ?? one.refresh(steadyMs())),
    );
    const notReady = (await this.checks()).filter((check) => !check.ok);
    const stages = stagesOf({
      origin,
      profile,
      modules: host.modules(),
      rates: this.rates,
      source: found(this.#source),
      postgres: found(this.#postgres),
      capture: found(this.#capture),
      logRate: this.#logGrowth.perSecond(),
      journal: found(this.#journal),
      counts: found(this.#counts),
    });
    return {
      profile,
      version,
      versions: { deno: Deno.version.deno, v8: Deno.version.v8, typescript: Deno.version.typescript },
      startedAt: this.startedMs,
      uptimeMs: now - this.startedMs,
      at: now,
      ready: notReady.length === 0,
      notReady: notReady.map((check) => `${check.name}: ${check.why}`),
      alerts: this.alerts,
      diskBytes: this.#disk?.value ?? {},
      stages,
      edges: edgesOf(stages),
    };
  }
}

function found<T>(watched: Watched<T> | undefined): Finding<T> | undefined {
  if (watched === undefined) return undefined;
  // An error is newer than the value that was there before it.
  const { error } = watched;
  if (error !== undefined) {
    const remedy = error instanceof CandlewireError && error.retry === "operator" ? error.hint : undefined;
    return { error: `${errorText(error)}${remedy === undefined ? "" : `. ${remedy}`}` };
  }
  return watched.value === undefined ? undefined : { value: watched.value };
}

/** How many records the log has taken, all partitions together. */
function recordsOf({ topics }: JournalFigures): number {
  return (topics ?? []).reduce((sum, one) => sum + one.high, 0);
}

/** The rate of a total that is looked at now and then, over the last looks. */
class Growth {
  #samples: { atMs: number; value: number }[] = [];

  /** Looks that find the same total within a second are one. */
  sample(value: number, atMs: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && atMs - last.atMs < 1_000) return;
    this.#samples.push({ atMs, value });
    if (this.#samples.length > 8) this.#samples.shift();
  }

  perSecond(): number | null {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs === first.atMs) return null;
    return Math.max(0, last.value - first.value) / ((last.atMs - first.atMs) / 1000);
  }
}
