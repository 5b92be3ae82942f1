import { EventParser, reconnectWait } from "../../../runtime/console/event_stream.js";
import { CandlewireError, errorText } from "../../../runtime/error.ts";
import { channelPath } from "../../src/datasource/query.ts";
import type { Notice } from "../frame/frame.ts";
import type { Instance } from "../instance/instance.ts";
import type { Stamp } from "../source/control_client.ts";
import { delay } from "./delay.ts";
import type { ChannelSpec } from "./channel_spec.ts";
import { NewRows, wholeBook } from "./live_rows.ts";
import { packetOf } from "./packet.ts";

/** Comments come every 15 s: silence beyond this is a dead connection that nobody closed, ms. */
const SILENCE_MS = 40_000;

/** Channels of the event stream by kind. */
const CHANNELS: Partial<Record<ChannelSpec["kind"], string>> = {
  trades: "trades",
  prices: "prices",
  klines: "klines",
  book: "books",
  pipeline: "pipeline",
};

type EventData = Stamp & {
  kind?: "snapshot" | "change";
  // deno-lint-ignore no-explicit-any
  data?: any;
  problem?: { detail: string };
  dropped?: number;
};

/**
 * A channel by the control API's event stream: comes back by itself and goes on where it was (Last-Event-ID). What is missing or
 * cannot be read is told by a packet without rows, with a notice. Ends with the signal; rejects when the token is refused.
 */
export async function* controlChannel(
  spec: ChannelSpec,
  instance: Instance,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const control = instance.control!;
  const { kind } = spec;
  const symbol = kind === "pipeline" ? undefined : spec.symbol;
  const seen = new NewRows(instance.answered.get(channelPath(kind, symbol)) ?? -Infinity);
  let stamp = await knownOrigin(instance, signal);
  let lastEventId = "";
  let attempt = 0;
  let told = false;
  const packet = (rows: readonly unknown[], notice?: Notice) =>
    packetOf(spec, rows, { source: "control", origin: stamp, notice });
  while (!signal.aborted) {
    try {
      const body = await control.events(CHANNELS[kind]!, { symbol, lastEventId, signal });
      attempt = 0;
      told = false;
      for await (const events of eventsOf(body, signal)) {
        const rows: unknown[] = [];
        for (const event of events) {
          if (event.id !== "") lastEventId = event.id;
          const data = parse(event.data);
          if (data === undefined) continue;
          stamp = { origin: data.origin, simulated: data.simulated };
          if (event.event === "problem") {
            yield packet([], {
              severity: "warning",
              text: `The stream begins without its state: ${data.problem?.detail}`,
            });
          } else if (event.event === "gap") {
            yield packet([], {
              severity: "warning",
              text: `${data.dropped ?? "Some"} events are missing here: refresh the panel to read them`,
            });
          } else rows.push(...rowsOf(kind, data, seen));
        }
        if (rows.length > 0) yield packet(kind === "book" || kind === "pipeline" ? rows.slice(-1) : rows);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof CandlewireError && error.retry !== "retry") throw error;
      // A connection that ends is opened again; that it cannot be is told once.
      if (!told && attempt > 0) {
        told = true;
        yield packet([], { severity: "warning", text: `The stream is interrupted: ${errorText(error)}` });
      }
    }
    attempt++;
    await delay(reconnectWait(attempt, Math.random()), signal);
  }
}

/** Rows of an event that were not seen before. */
function rowsOf(kind: ChannelSpec["kind"], { kind: of, data }: EventData, seen: NewRows): unknown[] {
  if (data === undefined || data === null) return [];
  const rows = of === "snapshot" && Array.isArray(data.rows) ? data.rows : [data];
  switch (kind) {
    case "trades":
      return seen.trades(data.trades ?? [], of === "snapshot");
    case "prices":
      return seen.prices(rows);
    case "klines":
      return seen.klines(rows);
    case "book":
      return seen.books(rows.filter(Boolean)).map(wholeBook);
    default:
      return [data];
  }
}

/** The events of each chunk that arrives, so that what came together goes on together. Rejects after a long silence. */
async function* eventsOf(body: ReadableStream<Uint8Array>, signal: AbortSignal) {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      timer = setTimeout(cancel, SILENCE_MS);
      const { value, done } = await reader.read();
      clearTimeout(timer);
      if (done || signal.aborted) return;
      yield [...parser.push(decoder.decode(value, { stream: true }))];
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

function parse(text: string): EventData | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function knownOrigin(instance: Instance, signal: AbortSignal) {
  return await instance.originOf("control", instance.reader("control", signal));
}
