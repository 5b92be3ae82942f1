import type { LogLine } from "../host/module_context.ts";
import type { ControlParts } from "./control_parts.ts";
import { encodeEvent } from "./event_reader.ts";

/** Options of {@linkcode logStream}. */
export type LogStreamOptions = {
  /** Go on after this sequence; a sequence from before a restart of the host starts over. */
  after?: number;
  /** Kept lines to begin with, when `after` is not given. */
  limit: number;
  wanted: (line: LogLine) => boolean;
};

/** A module's log lines as server-sent events: those kept, then the new ones. */
export function logStream(
  parts: ControlParts,
  module: string,
  options: LogStreamOptions,
): ReadableStream<Uint8Array> {
  const { host, hub } = parts;
  hub.admit();
  let ordinal = 0;
  const encode = (line: LogLine) => encodeEvent("log", hub.stamped({ line }), String(line.sequence));
  const newest = host.logs(module, { limit: 1 }).at(-1)?.sequence ?? 0;
  const resumed = options.after !== undefined && options.after <= newest;
  const kept = resumed
    ? host.logs(module, { after: options.after, limit: MAX_KEPT })
    : host.logs(module, { limit: options.limit });
  const stop = host.onLog((line) => {
    if (line.module !== module || !options.wanted(line)) return;
    // The ordinal keys the queue: sequences could start again with a module that is loaded anew.
    reader.offer({ sequence: ++ordinal, channel: "log", key: null, bytes: encode(line) });
  });
  const reader = hub.reader(front(), stop);
  return reader.stream;

  async function* front() {
    yield new TextEncoder().encode("retry: 2000\n\n");
    const first = kept[0]?.sequence;
    if (resumed && first !== undefined && first > options.after! + 1) {
      yield encodeEvent("gap", hub.gapData(["log"], first - options.after! - 1, "too_old"));
    }
    for (const line of kept) if (options.wanted(line)) yield encode(line);
  }
}

/** The host's ring is smaller. */
const MAX_KEPT = 100_000;
