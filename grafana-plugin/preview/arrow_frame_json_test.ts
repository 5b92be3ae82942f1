import assert from "node:assert/strict";
import { encodeArrow } from "../backend/frame/arrow.ts";
import { encodeFrameJson } from "../backend/frame/frame_json.ts";
import type { Frame } from "../backend/frame/frame.ts";
import { frameJson } from "./arrow_frame_json.ts";

Deno.test("a frame by Arrow is the same to the browser as by Grafana Live", () => {
  const frame: Frame = {
    name: "sample",
    refId: "A",
    meta: { custom: { simulated: true }, notices: [{ severity: "info", text: "币安" }] },
    fields: [
      { name: "time", kind: "time", values: [1_795_950_945_555, null] },
      { name: "price", kind: "number", values: [61828.81, NaN], labels: { symbol: "BTCUSDT" } },
      {
        name: "change",
        kind: "number",
        values: [Infinity, -Infinity],
        config: { unit: "percent", decimals: 2 },
      },
      { name: "trade_id", kind: "integer", values: [807_389_497, null] },
      { name: "price_text", kind: "text", values: ["61828.81000000", null] },
      { name: "is_buyer_maker", kind: "bool", values: [true, null] },
    ],
  };
  const live = JSON.parse(new TextDecoder().decode(encodeFrameJson(frame)));
  const found = JSON.parse(JSON.stringify(frameJson(encodeArrow(frame))));
  for (const field of live.schema.fields) delete field.typeInfo;
  assert.deepEqual(found, live);
});
