import type { Edge, Stage } from "./pipeline.ts";
import type { CompletenessRow } from "../../../runtime/market/table.ts";
import type { DeadLetter, StoredAlert } from "../../../runtime/query/market_query.ts";
import { column } from "./columns.ts";

/** Kind `completeness`: ranges of ids that did not arrive by stream. */
export const COMPLETENESS = [
  column<CompletenessRow, "text">("symbol", "text", (row) => row.symbol),
  column<CompletenessRow, "text">("kind", "text", (row) => row.kind),
  column<CompletenessRow, "integer">("first_id", "integer", (row) => row.first_id),
  column<CompletenessRow, "integer">("last_id", "integer", (row) => row.last_id),
  column<CompletenessRow, "text">("cause", "text", (row) => row.cause),
  column<CompletenessRow, "text">("state", "text", (row) => row.state),
  column<CompletenessRow, "time">("detected_at", "time", (row) => row.detected_at),
  column<CompletenessRow, "time">("updated_at", "time", (row) => row.updated_at),
];

/** Kind `deadLetters`. */
export const DEAD_LETTERS = [
  column<DeadLetter, "time">("first_failed_at", "time", (row) => row.first_failed_at),
  column<DeadLetter, "text">("id", "text", (row) => row.id),
  column<DeadLetter, "text">("code", "text", (row) => row.code),
  column<DeadLetter, "text">("message", "text", (row) => row.message),
  column<DeadLetter, "text">("topic", "text", (row) => row.topic),
  column<DeadLetter, "integer">("partition", "integer", (row) => row.partition),
  column<DeadLetter, "integer">("offset", "integer", (row) => row.offset),
  column<DeadLetter, "integer">("attempts", "integer", (row) => row.attempts),
  column<DeadLetter, "time">("last_failed_at", "time", (row) => row.last_failed_at),
  column<DeadLetter, "text">("key", "text", (row) => row.key),
  column<DeadLetter, "text">("value", "text", (row) => row.value),
];

/** Kind `alerts`; `time` and `text` are what annotations look for. */
export const ALERTS = [
  column<StoredAlert, "time">("time", "time", (row) => row.raised_at),
  column<StoredAlert, "text">("text", "text", (row) => row.message),
  column<StoredAlert, "text">("rule", "text", (row) => row.rule),
  column<StoredAlert, "text">("symbol", "text", (row) => row.symbol),
  column<StoredAlert, "bool">("delivered", "bool", (row) => row.delivered),
  column<StoredAlert, "text">("id", "text", (row) => row.id),
  column<StoredAlert, "text">("evidence", "text", (row) => JSON.stringify(row.evidence)),
];

/** Kind `pipeline`, frame `stages` (STAGE_FIELDS). */
export const STAGES = [
  column<Stage, "text">("id", "text", (stage) => stage.id),
  column<Stage, "text">("title", "text", (stage) => stage.title),
  column<Stage, "text">("module", "text", (stage) => stage.module),
  column<Stage, "text">("state", "text", (stage) => stage.state),
  column<Stage, "text">("detail", "text", (stage) => stage.detail),
  column<Stage, "number">("rate", "number", (stage) => stage.rate),
  column<Stage, "text">("rate_unit", "text", (stage) => stage.rateUnit),
  column<Stage, "number">("total", "number", (stage) => stage.total),
  column<Stage, "number">("lag", "number", (stage) => stage.lag?.value ?? null),
  column<Stage, "text">("lag_unit", "text", (stage) => stage.lag?.unit ?? null),
  column<Stage, "number">("latency_p50", "number", (stage) => stage.latency?.p50 ?? null, { unit: "s" }),
  column<Stage, "number">("latency_p99", "number", (stage) => stage.latency?.p99 ?? null, { unit: "s" }),
  column<Stage, "number">("rss_bytes", "number", (stage) => stage.rssBytes, { unit: "bytes" }),
  column<Stage, "number">("cpu_percent", "number", (stage) => stage.cpuPercent, { unit: "percent" }),
  column<Stage, "integer">("restarts", "integer", (stage) => stage.restarts),
];

/** Kind `pipeline`, frame `edges` (EDGE_FIELDS). */
export const EDGES = [
  column<Edge, "text">("from", "text", (edge) => edge.from),
  column<Edge, "text">("to", "text", (edge) => edge.to),
  column<Edge, "number">("rate", "number", (edge) => edge.rate),
  column<Edge, "text">("unit", "text", (edge) => edge.unit),
];

/** A figure of a stage: what the pipeline's page shows beside its rates. */
export type StageFigure = { stage: string; label: string; value: number | null; text: string; unit: string };

/** Kind `pipeline`, frame `figures`: dead letters, WAL that is retained and the like. */
export const FIGURES = [
  column<StageFigure, "text">("stage", "text", (figure) => figure.stage),
  column<StageFigure, "text">("label", "text", (figure) => figure.label),
  column<StageFigure, "number">("value", "number", (figure) => figure.value),
  column<StageFigure, "text">("text", "text", (figure) => figure.text),
  column<StageFigure, "text">("unit", "text", (figure) => figure.unit),
];
