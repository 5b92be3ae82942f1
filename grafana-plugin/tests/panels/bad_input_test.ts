import { doesNotMatch, ok } from "node:assert/strict";
import { test } from "node:test";
import { type FrameLike, noticesOf } from "../../src/panels/frame_reader.ts";
import { depthPaths } from "../../src/panels/orderbook/depth_curve.ts";
import { bookModel, booksOfFrames } from "../../src/panels/orderbook/model.ts";
import { bookWarnings } from "../../src/panels/orderbook/warnings.ts";
import { FlowMemory } from "../../src/panels/pipeline/flow_memory.ts";
import { edgeText, stageFacts, stageSentence, stageTone } from "../../src/panels/pipeline/model.ts";
import { isHole, TapeBuffer, tradesProblem } from "../../src/panels/tradetape/model.ts";

function frame(columns: Record<string, unknown[]>): FrameLike {
  const fields = Object.entries(columns).map(([name, values]) => ({ name, values }));
  return { length: fields[0]?.values.length ?? 0, fields };
}

const HUGE = [1e300, -1e300, 1e-300, Number.MAX_SAFE_INTEGER + 2, NaN, Infinity, -Infinity, null, undefined];
const ODD = [null, undefined, "", "abc", "币安人生USDT", true, [], {}, -1];
/** What data sources answer that know nothing of these panels, and what ours could at the worst. */
const FRAMES: Record<string, FrameLike[]> = {
  "no frame": [],
  "a frame without fields": [frame({})],
  "a time series": [frame({ Time: [1, 2], Value: [3, 4] })],
  "logs": [frame({ timestamp: [1], body: ["text"], severity: ["info"] })],
  "the right columns without rows": [
    frame({ side: [], price: [], quantity: [] }),
    frame({ time: [], trade_id: [], price: [], quantity: [] }),
    frame({ id: [], state: [] }),
  ],
  "the right columns with huge numbers": [
    frame({ side: HUGE.map((_, at) => at % 2 === 0 ? "bid" : "ask"), price: HUGE, quantity: HUGE }),
    frame({ time: HUGE, trade_id: HUGE, price: HUGE, quantity: HUGE }),
    frame({
      id: HUGE.map((_, at) => `stage ${at}`),
      state: HUGE,
      rate: HUGE,
      lag: HUGE,
      latency_p50: HUGE,
      rss_bytes: HUGE,
      total: HUGE,
    }),
    frame({ from: HUGE, to: HUGE, rate: HUGE }),
    frame({ stage: HUGE, label: HUGE, text: HUGE, value: HUGE }),
  ],
  "the right columns with values of other types": [
    frame({ side: ODD, price: ODD, quantity: ODD, trusted: ODD }),
    frame({ time: ODD, trade_id: ODD, price: ODD, quantity: ODD, symbol: ODD, is_buyer_maker: ODD }),
    frame({ id: ODD, state: ODD, lag: ODD, lag_unit: ODD, title: ODD }),
    frame({ from: ODD, to: ODD, rate: ODD }),
  ],
  "symbols of any script": [
    frame({
      side: ["bid", "ask"],
      price: [1, 2],
      quantity: [3, 4],
      symbol: ["币安人生USDT", "币安人生USDT"],
    }),
    frame({ time: [1], trade_id: [1], price: [1], quantity: [1], symbol: ["币安人生USDT"] }),
  ],
};

for (const [what, frames] of Object.entries(FRAMES)) {
  test(`${what}: a problem in words or something to draw, in each panel`, () => {
    noticesOf(frames);
    const books = booksOfFrames(frames);
    if ("problem" in books) {
      ok(books.problem.length > 20);
    } else {
      for (const book of books) {
        const model = bookModel(book, { levels: 15 });
        bookWarnings(book, model);
        const paths = depthPaths(model.curve, { width: 200, height: 100 });
        doesNotMatch(`${paths?.bids}${paths?.asks}`, /NaN|Infinity/);
      }
    }

    const problem = tradesProblem(frames);
    const tape = new TapeBuffer({
      capacity: 100,
      filter: { side: "all", sizeUnit: "quantity", minSize: 0, largeSize: 0 },
      everyId: true,
    });
    tape.addFrames(frames);
    ok(problem === undefined || tape.size === 0);
    for (const line of tape.shown) {
      if (!isHole(line)) {
        doesNotMatch(`${line.priceText} ${line.quantityText}`, /NaN|Infinity|undefined|null/);
      }
    }

    const flow = new FlowMemory().of({ series: frames });
    if ("problem" in flow) {
      ok(flow.problem.length > 5);
    } else {
      for (const stage of flow.stages) {
        stageTone(stage, { warnSeconds: 1, badSeconds: 2 });
        const told = [stageSentence(stage), ...stageFacts(stage).map(({ value }) => value)].join(" ");
        doesNotMatch(told, /NaN|undefined/);
      }
      flow.edges.forEach(edgeText);
    }
  });
}
