/** One event of a Chromium trace; times in µs. `tdur` is the thread's CPU time within. */
export type TraceEvent = {
  name: string;
  ph: string;
  ts: number;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
};

/** Script time of one frame, ms: as the clock has it, and as the processor has it, which other processes do not lengthen. */
export type FrameScript = { wallMs: number; cpuMs: number };

/** Events within which script runs; each may hold others of them. */
const SCRIPT = new Set([
  "EvaluateScript",
  "EventDispatch",
  "FireAnimationFrame",
  "FireIdleCallback",
  "FunctionCall",
  "RunMicrotasks",
  "TimerFire",
  "XHRReadyStateChange",
  "v8.callFunction",
]);
const FRAME = "BeginMainThreadFrame";

/**
 * Script time of each frame of the page's main thread, the one with the most frames: all that ran since the frame before it, timers, messages and
 * micro tasks too, whoever's script it is. Empty for a trace without frames.
 */
export function scriptByFrame(events: readonly TraceEvent[]): FrameScript[] {
  const thread = busiest(events.filter(({ name }) => name === FRAME));
  if (thread === undefined) return [];
  const of = events.filter((event) => threadOf(event) === thread);
  const frames = of.filter(({ name }) => name === FRAME).map(({ ts }) => ts).sort((a, b) => a - b);
  const scripts = outermost(
    of.filter(({ name, ph, dur }) => SCRIPT.has(name) && ph === "X" && (dur ?? 0) > 0),
  );
  const found: FrameScript[] = frames.slice(1).map(() => ({ wallMs: 0, cpuMs: 0 }));
  let at = 0;
  for (const { ts, dur = 0, tdur = dur } of scripts) {
    if (ts < frames[0]!) continue;
    while (at < found.length && ts >= frames[at + 1]!) at++;
    if (at === found.length) break;
    found[at]!.wallMs += dur / 1000;
    found[at]!.cpuMs += tdur / 1000;
  }
  return found;
}

/** Time of the animation frame callbacks alone, ms: the drawing. */
export function drawTimes(events: readonly TraceEvent[]): number[] {
  const draws = events.filter(({ name, ph }) => name === "FireAnimationFrame" && ph === "X");
  const thread = busiest(draws);
  return draws.filter((event) => threadOf(event) === thread).map(({ dur = 0 }) => dur / 1000);
}

/** Events that lie in no other one, by time. */
function outermost(events: TraceEvent[]): TraceEvent[] {
  const ordered = events.sort((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0));
  const found: TraceEvent[] = [];
  let end = -Infinity;
  for (const event of ordered) {
    if (event.ts < end) continue;
    found.push(event);
    end = event.ts + event.dur!;
  }
  return found;
}

function threadOf({ pid, tid }: TraceEvent): string {
  return `${pid} ${tid}`;
}

function busiest(events: readonly TraceEvent[]): string | undefined {
  const counts = new Map<string, number>();
  for (const event of events) counts.set(threadOf(event), (counts.get(threadOf(event)) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}
