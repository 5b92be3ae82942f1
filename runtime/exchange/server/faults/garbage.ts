import { encodeFrame, encodeText, OPCODE } from "../websocket/frame.ts";

/** How a frame is spoiled. */
export type GarbageKind =
  | "malformed"
  | "truncated"
  | "oversized"
  | "unknown"
  | "binary"
  | "notJson"
  | "outOfRange";

/** A frame's payload, as sent by the server: unmasked, whole. */
export function payloadOf(frame: Uint8Array): Uint8Array {
  const short = frame[1]! & 0x7f;
  return frame.subarray(short === 126 ? 4 : short === 127 ? 10 : 2);
}

/** A spoiled frame in the likeness of a good one. Always a valid WebSocket frame: the trouble is in what it says. */
export function garble(kind: GarbageKind, frame: Uint8Array, bytes: number): Uint8Array {
  const text = new TextDecoder().decode(payloadOf(frame));
  switch (kind) {
    case "malformed":
      return encodeText(text.replace(":", ";"));
    case "truncated":
      return encodeText(text.slice(0, Math.floor(text.length / 2)));
    case "oversized":
      return encodeText(`{"e":"trade","s":"${"X".repeat(bytes)}"}`);
    case "unknown":
      return encodeText(`{"e":"mystery","E":1,"s":"BTCUSDT","z":[1,2,3]}`);
    case "binary":
      return encodeFrame(OPCODE.binary, new Uint8Array([0, 255, 1, 254, 2, 253]));
    case "notJson":
      return encodeText("<html><body>502 Bad Gateway</body></html>");
    case "outOfRange":
      return encodeText(
        text.replace(
          /"(p|q|t|T|u|U)":("?)-?[\d.]+"?/g,
          (_whole, key, quote) => `"${key}":${quote}-1e400${quote}`,
        ),
      );
    default:
      return kind satisfies never;
  }
}
