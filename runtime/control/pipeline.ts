import type { Origin } from "../market/origin.ts";
import type { ModuleStatus } from "../host/module_host.ts";
import type { Figure, Finding, ProbeResult, StageState } from "./probe.ts";
import { type Latency, type Rates, sumOf } from "./rates.ts";

/** One box of the pipeline's picture. */
export type Stage = {
  id: StageId;
  title: string;
  module: string | null;
  state: StageState;
  detail: string;
  /** Per second. */
  rate: number | null;
  rateUnit: string;
  total: number | null;
  lag: { value: number; unit: "seconds" | "bytes" | "records" } | null;
  latency: Latency | null;
  rssBytes: number | null;
  cpuPercent: number | null;
  restarts: number | null;
  figures: Figure[];
};

/** The stages in the data's order. */
export const STAGES = [
  "source",
  "producer",
  "postgres",
  "capture",
  "journal",
  "transforms",
  "consumer",
  "store",
] as const;
export type StageId = typeof STAGES[number];

/** What capture's handler `journal` answers. */
export type JournalFigures = {
  segments?: number;
  bytes?: number;
  oldest_at?: number | null;
  topics?: { topic: string; partition: number; low: number; high: number }[];
};

/** What the picture is made of. `undefined` is not known yet; an error is known to have failed. */
export type PipelineInput = {
  origin: Origin;
  profile: string;
  modules: ModuleStatus[];
  rates: Rates;
  source: Finding<ProbeResult> | undefined;
  postgres: Finding<ProbeResult> | undefined;
  /** Who captures, when that is no module. */
  capture?: Finding<ProbeResult>;
  /** Records a second that the log takes, where capture does not count them. */
  logRate?: number | null;
  journal: Finding<JournalFigures> | undefined;
  counts: Finding<Record<string, number>> | undefined;
};

/** The stages, from what is known now. Pure. */
export function stagesOf(input: PipelineInput): Stage[] {
  const producer = part(input, "producer");
  const capture = part(input, "capture");
  const consumer = part(input, "consumer");
  return [
    source(input, producer),
    {
      ...producer.stage("producer", "Producer", "rows", "candlewire_rows_written_total"),
      lag: producer.lag("candlewire_source_lag_seconds", "seconds"),
      figures: producer.figures([
        ["Frames", "candlewire_frames_total", ""],
        ["Books trusted", "candlewire_books_trusted", ""],
        ["Reconnects", "candlewire_reconnects_total", ""],
        ["Gaps", "candlewire_gaps_total", ""],
        ["Bad frames", "candlewire_bad_frames_total", ""],
        ["REST weight used", "candlewire_rest_weight_used", ""],
      ]),
    },
    {
      ...probed("postgres", "PostgreSQL", "rows", input.postgres),
      ...producer.flow("candlewire_rows_written_total"),
    },
    input.capture === undefined
      ? {
        ...capture.stage("capture", "Capture", "changes", "candlewire_captured_changes_total"),
        lag: capture.lag("candlewire_capture_lag_bytes", "bytes"),
        latency: capture.latency("candlewire_capture_latency_seconds"),
      }
      : { ...probed("capture", "Debezium", "changes", input.capture), rate: input.logRate ?? null },
    journal(input, capture),
    transforms(input, consumer),
    {
      ...consumer.stage("consumer", "Consumer", "records", "candlewire_consumed_records_total"),
      lag: consumer.lag("candlewire_consumer_lag_records", "records"),
      figures: consumer.figures([
        ["Filtered", "candlewire_filtered_total", ""],
        ["Dead letters", "candlewire_dead_letters_total", ""],
        ["Duplicate rows", "candlewire_duplicate_rows_total", ""],
      ]),
    },
    store(input, consumer),
  ];
}

/** The arrows between the stages, with what flows over them. */
export function edgesOf(
  stages: Stage[],
): { from: StageId; to: StageId; rate: number | null; unit: string }[] {
  return stages.slice(1).map((to, index) => {
    const from = stages[index]!;
    // What leaves a stage is what the next one takes; the source alone counts frames.
    const flow = from.id === "source" ? from : to;
    return { from: from.id, to: to.id, rate: flow.rate, unit: flow.rateUnit };
  });
}

const BASE = {
  module: null,
  rate: null,
  total: null,
  lag: null,
  latency: null,
  rssBytes: null,
  cpuPercent: null,
  restarts: null,
};

function source(input: PipelineInput, producer: Part): Stage {
  const title = { live: "Binance", exchange: "Exchange", recording: "Recording" }[input.origin.kind];
  const stage = probed("source", title, "frames", input.source);
  const flow = producer.flow("candlewire_frames_total");
  // Without a probe of its own the source is as alive as what the producer hears from it.
  const heard = input.source === undefined && producer.running && (flow.rate ?? 0) > 0;
  return {
    ...stage,
    ...flow,
    ...(heard ? { state: "running" as const, detail: input.origin.label } : {}),
    lag: producer.lag("candlewire_source_lag_seconds", "seconds"),
  };
}

function journal(input: PipelineInput, capture: Part): Stage {
  const title = input.profile === "cluster" ? "Kafka" : "Journal";
  const flow = input.capture === undefined
    ? capture.flow("candlewire_captured_changes_total")
    : { rate: input.logRate ?? null };
  const stage: Stage = {
    ...BASE,
    ...flow,
    id: "journal",
    title,
    state: "unknown",
    detail: "Not looked at yet",
    rateUnit: "records",
    figures: [],
  };
  if (input.journal === undefined) return stage;
  if ("error" in input.journal) {
    const state = input.profile === "cluster" ? "failed" : capture.running ? "degraded" : "unknown";
    return { ...stage, state, detail: input.journal.error };
  }
  const { segments, bytes, topics } = input.journal.value;
  const figures: Figure[] = [];
  if (bytes !== undefined) figures.push({ label: "Size", value: bytes, unit: "bytes" });
  if (segments !== undefined) figures.push({ label: "Segments", value: segments, unit: "" });
  const partitions = topics ?? [];
  const high = partitions.reduce((sum, one) => sum + one.high, 0);
  const kept = partitions.reduce((sum, one) => sum + one.high - one.low, 0);
  figures.push({ label: "Records kept", value: kept, unit: "" });
  const names = new Set(partitions.map((one) => one.topic));
  return {
    ...stage,
    state: "running",
    detail: `${names.size} topics, ${partitions.length} partitions`,
    total: high,
    figures,
  };
}

function transforms(input: PipelineInput, consumer: Part): Stage {
  const user = input.modules.filter((module) => module.kind === "transform");
  const flow = consumer.flow("candlewire_consumed_records_total");
  const worst = worstOf([...user.map(stateOf), consumer.running ? "running" : "unknown"]);
  return {
    ...BASE,
    ...flow,
    id: "transforms",
    title: "Transforms",
    module: user.length === 1 ? user[0]!.name : null,
    state: worst,
    detail: user.length === 0
      ? "Built-in transforms only"
      : user.map((module) => `${module.name}: ${stateOf(module)}`).join(", "),
    rateUnit: "records",
    rssBytes: sum(user.map((module) => module.rssBytes)),
    cpuPercent: sum(user.map((module) => input.rates.cpuPercent(module.name))),
    restarts: user.length === 0 ? null : user.reduce((total, module) => total + module.restarts, 0),
    figures: consumer.figures([["Filtered", "candlewire_filtered_total", ""]]),
  };
}

function store(input: PipelineInput, consumer: Part): Stage {
  const stage: Stage = {
    ...BASE,
    ...consumer.flow("candlewire_stored_rows_total"),
    id: "store",
    title: input.profile === "cluster" ? "Cassandra" : "SQLite",
    state: "unknown",
    detail: "Not looked at yet",
    rateUnit: "rows",
    latency: consumer.latency("candlewire_store_latency_seconds"),
    figures: [],
  };
  if (input.counts === undefined) return stage;
  if ("error" in input.counts) return { ...stage, state: "failed", detail: input.counts.error };
  const counts = Object.entries(input.counts.value);
  return {
    ...stage,
    state: "running",
    // Cassandra cannot count without reading: its adapter keeps estimates, see runtime/query/cassandra_counts.ts.
    detail: `${counts.length} tables readable${input.profile === "cluster" ? "; rows are estimates" : ""}`,
    figures: counts.map(([label, value]) => ({ label, value, unit: "rows" })),
  };
}

function probed(
  id: StageId,
  title: string,
  rateUnit: string,
  finding: Finding<ProbeResult> | undefined,
): Stage {
  const base = { ...BASE, id, title, rateUnit, figures: [] };
  if (finding === undefined) return { ...base, state: "unknown", detail: "Not looked at" };
  if ("error" in finding) return { ...base, state: "failed", detail: finding.error };
  const { state, detail, figures, rssBytes } = finding.value;
  return { ...base, state, detail, figures: figures ?? [], rssBytes: rssBytes ?? null };
}

/** The modules of one kind, which may be several instances, as one part of the picture. */
type Part = {
  running: boolean;
  stage(id: StageId, title: string, rateUnit: string, counter: string): Stage;
  flow(counter: string): { rate: number | null; total: number | null };
  lag(gauge: string, unit: "seconds" | "bytes" | "records"): Stage["lag"];
  latency(histogram: string): Latency | null;
  figures(wanted: [label: string, metric: string, unit: string][]): Figure[];
};

function part(input: PipelineInput, kind: ModuleStatus["kind"]): Part {
  const modules = input.modules.filter((module) => module.kind === kind);
  const { rates } = input;
  const total = (metric: string) => sum(modules.map((module) => sumOf(module.metrics, metric)));
  const flow = (counter: string) => ({
    rate: sum(modules.map((module) => rates.rate(module.name, counter))),
    total: total(counter),
  });
  const first = modules[0];
  return {
    running: modules.some((module) => module.state === "running"),
    flow,
    stage: (id, title, rateUnit, counter) => ({
      ...BASE,
      ...flow(counter),
      id,
      title,
      rateUnit,
      module: first?.name ?? null,
      state: first === undefined ? "unknown" : worstOf(modules.map(stateOf)),
      detail: first === undefined
        ? "There is no such module here"
        : modules.map((module) => detailOf(module)).join("; "),
      rssBytes: sum(modules.map((module) => module.rssBytes)),
      cpuPercent: sum(modules.map((module) => rates.cpuPercent(module.name))),
      restarts: sum(modules.map((module) => module.restarts)),
      figures: [],
    }),
    lag(gauge, unit) {
      const value = total(gauge);
      return value === null ? null : { value, unit };
    },
    latency(histogram) {
      for (const module of modules) {
        const latency = rates.latency(module.name, histogram);
        if (latency !== null) return latency;
      }
      return null;
    },
    figures: (wanted) =>
      wanted.flatMap(([label, metric, unit]) => {
        const value = total(metric);
        return value === null ? [] : [{ label, value, unit }];
      }),
  };
}

/** A module's state and health as one word. */
export function stateOf(module: ModuleStatus): StageState {
  switch (module.state) {
    case "stopped":
    case "draining":
      return "stopped";
    case "starting":
      return "starting";
    case "backing_off":
    case "failed":
      return "failed";
    case "awaiting_approval":
      return "blocked";
    case "running":
      return module.health === "stopping" ? "stopped" : module.health;
    default:
      return module.state satisfies never;
  }
}

function detailOf(module: ModuleStatus): string {
  if (module.state === "backing_off" || module.state === "failed") {
    return module.lastExit === null
      ? module.detail
      : `${module.detail || "It ended"}: ${module.lastExit.cause}`;
  }
  return module.detail || module.state;
}

const SEVERITY: StageState[] = ["unknown", "running", "starting", "degraded", "stopped", "blocked", "failed"];

function worstOf(states: StageState[]): StageState {
  return states.reduce((a, b) => SEVERITY.indexOf(b) > SEVERITY.indexOf(a) ? b : a, "unknown");
}

function sum(values: (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null);
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
}
