import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { cumulate } from "./chart/depth.js";
import { flowLayout } from "./chart/flow_layout.js";
import { Ring } from "./frame.js";
import { levelsOf } from "./market/order_book.js";
import { beginOfStream, filled } from "./market/windows.js";
import { State } from "./state.js";

const FOLDER = new URL("./", import.meta.url);

/** The console's own files, as the browser loads them. */
async function* sources(folder: URL): AsyncGenerator<URL> {
  for await (const entry of Deno.readDir(folder)) {
    const url = new URL(entry.name, folder);
    if (entry.isDirectory) yield* sources(new URL(`${entry.name}/`, folder));
    else if (/\.(js|css|html)$/.test(entry.name)) yield url;
  }
}

Deno.test("the console's types hold, although nothing compiles it", async () => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--no-lock", "--config", "check_config.json", "main.js"],
    cwd: fileURLToPath(FOLDER),
    env: { NO_COLOR: "1" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
});

Deno.test("the console makes no HTML of data and runs no text", async () => {
  for await (const url of sources(FOLDER)) {
    const text = await Deno.readTextFile(url);
    const found = /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function|parseFloat)\b/
      .exec(
        text.replace(/\/\*[\s\S]*?\*\//g, ""),
      );
    assert.equal(found, null, `${url}: ${found?.[0]}`);
    if (url.pathname.endsWith(".html")) {
      assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=/, `${url}: inline code`);
    }
  }
});

/** A file and all that it imports at once, without what it loads later. */
async function closure(url: URL, seen = new Map<string, number>()): Promise<Map<string, number>> {
  if (seen.has(url.href)) return seen;
  const text = await Deno.readTextFile(url);
  seen.set(url.href, text.length);
  for (const [, from] of text.matchAll(/^import [^;]*? from "(\.[^"]+)";/gm)) {
    await closure(new URL(from!, url), seen);
  }
  return seen;
}

Deno.test("each page opens with less than 120 kB of our own, comments and all", async () => {
  const pages = (await Array.fromAsync(Deno.readDir(new URL("page/", FOLDER)))).map((entry) => entry.name);
  assert.equal(pages.length, 6);
  const style = (await Deno.stat(new URL("console.css", FOLDER))).size;
  for (const page of pages) {
    const files = await closure(new URL(`page/${page}`, FOLDER), await closure(new URL("main.js", FOLDER)));
    const size = [...files.values()].reduce((sum, one) => sum + one, style);
    assert.ok(size < 120_000, `${page}: ${size} bytes`);
  }
});

Deno.test("stages fill the width, and every second row goes back", () => {
  const wide = flowLayout(9, 1230, 148);
  assert.equal(new Set(wide.boxes.map((box) => box.y)).size, 1);
  const narrow = flowLayout(9, 340, 148);
  assert.equal(narrow.boxes.length, 9);
  assert.ok(narrow.boxes.every((box) => box.x >= 0 && box.x + box.width <= 340));
  assert.ok(narrow.boxes[2]!.x > narrow.boxes[3]!.x, "the second row starts at the right");
  assert.equal(narrow.wires.length, 8);
  assert.deepEqual(flowLayout(0, 340, 148).boxes, []);
});

Deno.test("I10: a ring keeps the newest and counts the rest", () => {
  const ring = new Ring<number>(10);
  for (let value = 0; value < 1000; value++) ring.push(value);
  assert.deepEqual(ring.last(3), [997, 998, 999]);
  assert.equal(ring.last().length, 10);
  assert.ok(ring.dropped >= 980);
});

Deno.test("a book's side is read as text, whatever arrives", () => {
  assert.deepEqual(levelsOf(`[["61250.10000000","0.00100000"]]`), [["61250.10000000", "0.00100000"]]);
  for (const bad of ["", "{}", "[1,2]", "[[]]", null, 7, "[[", undefined]) {
    assert.deepEqual(levelsOf(bad), []);
  }
  assert.deepEqual(cumulate([["2", "1"], ["1", "3"]]).map((step: { total: number }) => step.total), [1, 4]);
});

Deno.test("windows without trades are zeros on the time line", () => {
  const row = (open: number, count: number) => ({ open_time: open, trade_count: count }) as never;
  assert.deepEqual(filled([row(60_000, 5), row(240_000, 2)], 60_000), {
    times: [60, 120, 180, 240],
    values: [5, 0, 0, 2],
  });
  assert.ok(filled([row(0, 1), row(60_000 * 100_000, 1)], 60_000).times.length <= 400);
});

Deno.test("windows are whole from the minute after the one in which the stream began", () => {
  const candle = (minute: number, backfill: boolean) => ({ open_time: minute * 60_000, backfill });
  assert.equal(beginOfStream([]), null);
  // The oldest came by stream: nothing before it is known to be thin.
  assert.equal(beginOfStream([candle(1, false), candle(2, true), candle(3, false)]), null);
  assert.equal(beginOfStream([candle(1, true), candle(2, true)]), null);
  // A later outage was refilled, with its trades: the first candle of the stream decides.
  const outage = [candle(1, true), candle(2, true), candle(3, false), candle(4, true), candle(5, false)];
  assert.equal(beginOfStream(outage), 4 * 60_000);
});

Deno.test("I8: an answer without an origin does not make a known one unknown", () => {
  const state = new State();
  assert.equal(state.simulated, null);
  state.setOrigin({ kind: "exchange", id: "1", label: "exchange, seed 1" }, undefined);
  assert.equal(state.simulated, true);
  state.setOrigin(undefined, undefined);
  assert.equal(state.simulated, true);
  state.setOrigin({ kind: "live", id: "binance", label: "Binance" }, false);
  assert.equal(state.simulated, false);
});

Deno.test("I2: an alert told twice is one alert, and alerts are bounded (I10)", () => {
  const state = new State();
  const tell = (id: string, raised_at: number) =>
    state.receive({ channel: "alerts", kind: "change", symbol: null, data: { id, raised_at } });
  for (let index = 0; index < 500; index++) tell(`a${index}`, index);
  tell("a499", 499);
  assert.equal(state.alerts.length, 100);
  assert.equal(state.alerts[0]!.id, "a499");
});
