import { openBrowser } from "../../runtime/tests/browser/chromium.ts";
import type { MiniHost } from "../preview/mini_host.ts";
import { type BenchRig, RATE } from "./bench_rig.ts";
import { type Aimed, printTable, shown, spread } from "./figures.ts";
import { drawTimes, scriptByFrame, type TraceEvent } from "./script_time.ts";
import { countTrades, openTape } from "./tape_page.ts";

type Browser = Awaited<ReturnType<typeof openBrowser>>;

/**
 * Script time a frame of the tape panel in Chromium while the market makes a thousand trades a second: all script of the page's main thread,
 * Grafana's libraries and the mini host's included. The browser draws a frame only when a packet has come. Controls: the same page while the market stands still, and the same run
 * again.
 */
export async function tapeBench(
  rig: BenchRig,
  { seconds, host, progress }: { seconds: number; host: MiniHost; progress: (text: string) => void },
): Promise<Aimed[]> {
  const browser = await openBrowser();
  const lines: string[][] = [];
  const aims: Aimed[] = [];
  try {
    for (const [name, rate] of [["no trades", 0], ["trades", RATE], ["trades, again", RATE]] as const) {
      progress(`tape, ${name}, ${seconds} s`);
      const { events, trades } = await oneRun(rig, { browser, host, rate, seconds });
      const frames = scriptByFrame(events);
      const wall = spread(frames.map(({ wallMs }) => wallMs));
      const cpu = spread(frames.map(({ cpuMs }) => cpuMs));
      const draw = spread(drawTimes(events));
      lines.push([
        name,
        (trades / seconds).toFixed(0),
        `${wall.count}`,
        ...[wall.p50, wall.p99, wall.max, cpu.p50, cpu.p99, draw.p50, draw.p99].map(shown),
      ]);
      if (rate > 0) {
        for (const [what, { p50, p99 }] of [["script", wall], ["script, CPU", cpu]] as const) {
          aims.push({ name: `tape, ${name}: ${what} a drawn frame, p50`, value: p50, aim: 4, unit: "ms" });
          aims.push({ name: `tape, ${name}: ${what} a drawn frame, p99`, value: p99, aim: 4, unit: "ms" });
        }
      }
    }
  } finally {
    await browser.close();
  }
  printTable(
    `Trade tape in Chromium, ${seconds} s each: script time a frame, ms`,
    [
      "run",
      "trades/s streamed",
      "frames drawn",
      "script p50",
      "p99",
      "max",
      "CPU p50",
      "p99",
      "draw callback p50",
      "p99",
    ],
    lines,
  );
  return aims;
}

async function oneRun(
  rig: BenchRig,
  { browser, host, rate, seconds }: { browser: Browser; host: MiniHost; rate: number; seconds: number },
): Promise<{ events: TraceEvent[]; trades: number }> {
  await using tape = await openTape(browser, host.url);
  const { page } = tape;
  if (rate > 0) {
    await rig.runAt(rate);
    // What the first hundreds of trades compile and allocate is no frame's usual work.
    await page.waitForTimeout(3000);
  }
  const counted = await countTrades(host.url);
  await browser.startTracing(page, {
    categories: ["devtools.timeline", "disabled-by-default-devtools.timeline.frame"],
  });
  await page.waitForTimeout(seconds * 1000);
  const trace = await browser.stopTracing();
  const trades = counted();
  if (rate > 0) await rig.pause();
  return {
    events: (JSON.parse(new TextDecoder().decode(trace)) as { traceEvents: TraceEvent[] }).traceEvents,
    trades,
  };
}
