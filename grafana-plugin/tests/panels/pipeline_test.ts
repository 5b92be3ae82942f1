import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { test } from "node:test";
import type { Stage } from "../../../runtime/console/types.js";
import { EDGE_FIELDS, STAGE_FIELDS } from "../../src/datasource/frame_shape.ts";
import type { FieldLike, FrameLike } from "../../src/panels/frame_reader.ts";
import { FlowMemory } from "../../src/panels/pipeline/flow_memory.ts";
import { BOX_HEIGHT, fitText, flowPlaces, linesIn } from "../../src/panels/pipeline/flow_place.ts";
import {
  boxName,
  edgeText,
  flowOfFrames,
  flowOfPipeline,
  latencyText,
  rateText,
  secondsText,
  stageFacts,
  stageLag,
  stageSentence,
  stageTone,
} from "../../src/panels/pipeline/model.ts";

const CAPTURE: Stage = {
  id: "capture",
  title: "Capture",
  module: "capture",
  state: "running",
  detail: "slot candlewire",
  rate: 1234.5,
  rateUnit: "changes",
  total: 99_999,
  lag: { value: 7, unit: "seconds" },
  latency: { p50: 0.0021, p99: 0.0098, mean: 0.003 },
  rssBytes: 104_857_600,
  cpuPercent: 12.5,
  restarts: 0,
  figures: [],
};

/** The rows as the backend's frames have them. */
function framesOf(stages: readonly Stage[]): FrameLike[] {
  const rows = stages.map((stage): Record<string, unknown> => ({
    ...stage,
    rate_unit: stage.rateUnit,
    lag: stage.lag?.value ?? null,
    lag_unit: stage.lag?.unit ?? null,
    latency_p50: stage.latency?.p50 ?? null,
    latency_p99: stage.latency?.p99 ?? null,
    rss_bytes: stage.rssBytes,
    cpu_percent: stage.cpuPercent,
  }));
  const edges = stages.slice(1).map((stage, at): Record<string, unknown> => ({
    from: stages[at]!.id,
    to: stage.id,
    rate: 2.5,
    unit: "rows",
  }));
  const frame = (name: string, names: readonly string[], from: Record<string, unknown>[]): FrameLike => ({
    name,
    length: from.length,
    fields: names.map((field) => ({ name: field, values: from.map((row) => row[field]) })),
    meta: { custom: { simulated: true, origin: { kind: "exchange", id: "1", label: "seed 7" } } },
  });
  return [frame("stages", STAGE_FIELDS, rows), frame("edges", EDGE_FIELDS, edges)];
}

test("frames and the control API's answer become the same flow", () => {
  const stages = [{ ...CAPTURE, id: "postgres", module: null, lag: null, latency: null }, CAPTURE];
  const flow = flowOfFrames(framesOf(stages));
  ok(!("problem" in flow));
  const direct = flowOfPipeline({ stages, edges: flow.edges } as never, { simulated: true, label: "seed 7" });
  strictEqual(flow.simulated, true);
  deepStrictEqual(flow.stages.map(stageSentence), direct.stages.map(stageSentence));
  deepStrictEqual(flow.stages[0]!.module, null);
  deepStrictEqual(flow.edges, [{ from: "postgres", to: "capture", rate: 2.5, unit: "rows" }]);
  strictEqual(edgeText(flow.edges[0]!), "2.50/s");
});

test("a box's name holds the texts that are seen, word for word; cut ones follow in full", () => {
  const seen = ["Capture", "Running", "2.50 rows/s"];
  strictEqual(boxName(CAPTURE, seen), "Capture Running 2.50 rows/s");
  const cut = [...seen, "a long det…"];
  strictEqual(boxName(CAPTURE, cut), `${cut.join(" ")}; ${stageSentence(CAPTURE)}`);
});

test("without edges the stages follow one another; unknown states and missing columns stay readable", () => {
  const bare: FrameLike = {
    length: 2,
    fields: [{ name: "id", values: ["a", "b"] }, { name: "state", values: ["running", "exploded"] }],
  };
  const flow = flowOfFrames([bare]);
  ok(!("problem" in flow));
  deepStrictEqual(flow.edges.map(({ from, to }) => `${from}>${to}`), ["a>b"]);
  strictEqual(flow.stages[1]!.state, "unknown");
  strictEqual(stageSentence(flow.stages[1]!), "b, Unknown");
  strictEqual(edgeText(flow.edges[0]!), "–");
  const foreign = flowOfFrames([{ length: 1, fields: [{ name: "time", values: [1] }] }]);
  ok("problem" in foreign);
  match(foreign.problem, /id, state are missing/);
});

test("a lag above the limits is worse than the state, and never better", () => {
  strictEqual(stageTone(CAPTURE), "good");
  strictEqual(stageTone(CAPTURE, { warnSeconds: 5, badSeconds: 30 }), "warn");
  strictEqual(stageTone(CAPTURE, { warnSeconds: 1, badSeconds: 7 }), "bad");
  strictEqual(
    stageTone({ ...CAPTURE, lag: { value: 1e9, unit: "bytes" } }, { badSeconds: 1 }),
    "good",
    "limits are in seconds",
  );
  strictEqual(stageTone({ ...CAPTURE, state: "failed" }, {}), "bad");
  strictEqual(stageTone({ ...CAPTURE, state: "stopped" }, { warnSeconds: 5 }), "warn");
});

test("figures as text, and the user's overrides before them", () => {
  strictEqual(rateText(CAPTURE), "1,235 changes/s");
  strictEqual(rateText({ ...CAPTURE, rate: null }), "–");
  strictEqual(stageLag(CAPTURE), "7.0 s");
  strictEqual(latencyText(CAPTURE), "2.1 ms · p99 9.8 ms");
  const facts = Object.fromEntries(stageFacts(CAPTURE).map(({ label, value }) => [label, value]));
  strictEqual(facts["Memory"], "100 MiB");
  strictEqual(facts["Total"], "99,999 changes");
  const figures: FrameLike = {
    length: 3,
    fields: Object.entries({
      stage: ["capture", "capture", "none"],
      label: ["WAL retained", "Slot", "x"],
      value: [2_500_000, null, 1],
      text: ["2500000", "active", "1"],
      unit: ["bytes", "", ""],
    }).map(([name, values]) => ({ name, values })),
  };
  const figured = flowOfFrames([...framesOf([CAPTURE]), figures]);
  ok(!("problem" in figured));
  deepStrictEqual(stageFacts(figured.stages[0]!).slice(-2), [{ label: "WAL retained", value: "2.5 MB" }, {
    label: "Slot",
    value: "active",
  }]);
  const frames = framesOf([CAPTURE]);
  const field = frames[0]!.fields.find(({ name }) => name === "lag") as FieldLike;
  field.display = (value) => ({ text: String(value), suffix: " Sek.", color: "#f00" });
  const plain = flowOfFrames(frames);
  ok(!("problem" in plain));
  strictEqual(stageLag(plain.stages[0]!), "7.0 s", "no unit was chosen");
  field.config = { unit: "s", color: { mode: "thresholds" }, thresholds: { steps: [{}, {}] } };
  const own = flowOfFrames(frames);
  ok(!("problem" in own));
  strictEqual(stageLag(own.stages[0]!), "7 Sek.");
  strictEqual(own.stages[0]!.look!.lag!.color, "#f00");
});

test("boxes never overlap and stay inside, whatever the width", () => {
  for (const width of [140, 320, 500, 900, 1400, 2600]) {
    for (const count of [1, 2, 7, 8]) {
      const { boxes, arrows, height } = flowPlaces(count, width);
      strictEqual(boxes.length, count);
      strictEqual(arrows.length, count - 1);
      for (const [at, box] of boxes.entries()) {
        ok(
          box.x >= 0 && box.x + box.width <= width + 1,
          `width ${width}: box ${at} ends at ${box.x + box.width}`,
        );
        ok(box.y + BOX_HEIGHT <= height);
        for (const other of boxes.slice(at + 1)) {
          ok(
            box.x + box.width <= other.x || other.x + other.width <= box.x || box.y + box.height <= other.y ||
              other.y + other.height <= box.y,
          );
        }
      }
    }
  }
  deepStrictEqual(flowPlaces(0, 500).boxes, []);
  strictEqual(linesIn(BOX_HEIGHT), 4);
  strictEqual(fitText("replication slot", 60, 6), "replicati…");
});

test("where rows do not fit, boxes are lower and hold fewer lines, never less than two", () => {
  const whole = flowPlaces(9, 788);
  strictEqual(whole.boxes[0]!.height, BOX_HEIGHT);
  const fitted = flowPlaces(9, 788, 448);
  ok(fitted.height <= 448, `${fitted.height}`);
  ok(linesIn(fitted.boxes[0]!.height) >= 3);
  ok(fitted.boxes.every((box) => box.y + box.height <= fitted.height));
  strictEqual(linesIn(flowPlaces(9, 788, 100).boxes[0]!.height), 2);
});

test("a time below zero is two clocks that differ, and that is said", () => {
  strictEqual(secondsText(0.0042), "4.2 ms");
  strictEqual(secondsText(null), "–");
  strictEqual(secondsText(-0.25), "-250 ms (clocks differ)");
  strictEqual(stageLag({ ...CAPTURE, lag: { value: -2, unit: "seconds" } }), "-2.0 s (clocks differ)");
  strictEqual(stageLag({ ...CAPTURE, lag: { value: 12, unit: "records" } }), "12 records");
  const skewed = { ...CAPTURE, latency: { p50: -0.02, p99: 0.03, mean: null } };
  strictEqual(latencyText(skewed), "-20 ms · p99 30 ms (clocks differ)");
});

test("a frame that comes alone by its own channel leaves the others as they were", () => {
  const memory = new FlowMemory();
  const [stages, edges] = framesOf([{ ...CAPTURE, id: "postgres" }, CAPTURE]);
  ok(!("problem" in memory.of({ series: [stages!, edges!] })));
  const alone = memory.of({ series: [{ ...stages!, meta: undefined }] });
  ok(!("problem" in alone));
  strictEqual(alone.edges[0]!.rate, 2.5);
  strictEqual(alone.simulated, true);
});
