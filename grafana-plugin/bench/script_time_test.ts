import { deepStrictEqual } from "node:assert/strict";
import { test } from "node:test";
import { drawTimes, scriptByFrame, type TraceEvent } from "./script_time.ts";

const event = (name: string, ts: number, dur?: number, tdur?: number, tid = 1): TraceEvent => ({
  name,
  ph: dur === undefined ? "I" : "X",
  ts,
  dur,
  tdur,
  pid: 7,
  tid,
});

test("script within script counts once, in the frame in which it began; other threads do not count", () => {
  const trace = [
    event("FunctionCall", 500, 100),
    event("BeginMainThreadFrame", 1000),
    event("EventDispatch", 1100, 2000, 1500),
    event("FunctionCall", 1200, 1000, 900),
    event("FunctionCall", 1300, 1000, 900, 2),
    event("FireAnimationFrame", 4000, 500, 500),
    event("BeginMainThreadFrame", 17_000),
    event("RunMicrotasks", 17_000, 250, 250),
    event("Layout", 18_000, 5000),
    event("BeginMainThreadFrame", 34_000),
    event("FunctionCall", 35_000, 9000),
  ];
  deepStrictEqual(scriptByFrame(trace), [{ wallMs: 2.5, cpuMs: 2 }, { wallMs: 0.25, cpuMs: 0.25 }]);
  deepStrictEqual(drawTimes(trace), [0.5]);
});

test("a trace without frames has none", () => {
  deepStrictEqual(scriptByFrame([event("FunctionCall", 1, 2)]), []);
});
