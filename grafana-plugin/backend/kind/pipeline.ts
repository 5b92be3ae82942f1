import type { Pipeline } from "../../../runtime/console/types.js";
import type { Frame } from "../frame/frame.ts";
import { fieldsOf } from "./columns.ts";
import { EDGES, FIGURES, type StageFigure, STAGES } from "./operation_columns.ts";

export type Stage = Pipeline["stages"][number];
export type Edge = Pipeline["edges"][number];

/** The three frames of the pipeline's state, by name; the channel of each is `pipeline/<name>`, `pipeline/all` the stages'. */
export const PIPELINE_FRAMES = ["stages", "edges", "figures"] as const;
export type PipelineFrame = (typeof PIPELINE_FRAMES)[number];

/** The path of a frame's channel. */
export function pipelinePath(name: PipelineFrame): string {
  return name === "stages" ? "all" : name;
}

/** Frames `stages`, `edges` and `figures` of the pipeline's state; of nothing, without rows. */
export function pipelineFrames(pipeline: Pick<Pipeline, "stages" | "edges"> | undefined): Frame[] {
  const { stages = [], edges = [] } = pipeline ?? {};
  const figures = stages.flatMap((stage) =>
    (stage.figures ?? []).map(({ label, value, unit }): StageFigure => ({
      stage: stage.id,
      label,
      value: typeof value === "number" ? value : null,
      text: String(value),
      unit,
    }))
  );
  return [
    { name: "stages", fields: fieldsOf(STAGES, stages) },
    { name: "edges", fields: fieldsOf(EDGES, edges) },
    { name: "figures", fields: fieldsOf(FIGURES, figures) },
  ];
}
