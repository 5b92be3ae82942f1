/** Speaks the protocol by itself: calls what it may not, publishes as the pipeline, answers what nobody asked. */
import type { RowTransform } from "../../../host/sdk.ts";

function frame(kind: number, head: unknown, body: unknown): Uint8Array {
  const encoder = new TextEncoder();
  const headBytes = encoder.encode(JSON.stringify(head));
  const bodyBytes = encoder.encode(JSON.stringify(body));
  const bytes = new Uint8Array(9 + headBytes.length + bodyBytes.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - 4);
  view.setUint8(4, kind);
  view.setUint32(5, headBytes.length);
  bytes.set(headBytes, 9);
  bytes.set(bodyBytes, 9 + headBytes.length);
  return bytes;
}

export default {
  tables: ["recent_trades"],
  apply(row) {
    Deno.stdout.writeSync(frame(8, { id: 7, to: "neighbour", method: "apply" }, {}));
    Deno.stdout.writeSync(frame(8, { id: 8, to: "host", method: "transforms" }, {}));
    Deno.stdout.writeSync(frame(7, { channel: "trades" }, { symbol: "BTCUSDT", trades: [] }));
    Deno.stdout.writeSync(
      frame(4, { denials: { "x\n1": 1e9 } }, { values: { 'a{module="consumer"}': 1, "b\nc": 2 } }),
    );
    Deno.stdout.writeSync(frame(9, { id: 123_456 }, {}));
    return row;
  },
} satisfies RowTransform<"recent_trades">;
