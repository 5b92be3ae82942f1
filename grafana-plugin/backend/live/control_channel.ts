import { CandlewireError, errorText } from "../../../runtime/error.ts";
import type { BookRow, KlineRow, PriceRow, TradeRow } from "../../../runtime/market/table.ts";
import { channelPath } from "../../src/datasource/query.ts";
import type { Notice } from "../frame/frame.ts";
import type { Instance } from "../instance/instance.ts";
import type { ChannelSpec } from "./channel_spec.ts";
import { readState } from "./control_state.ts";
import { NewRows, wholeBook } from "./live_rows.ts";
import { packetOf } from "./packet.ts";

/** After a state that could not be read, ms. */
const AGAIN_MS = 2_000;

/** Channels of the event stream by kind. */
const CHANNELS: Partial<Record<ChannelSpec["kind"], string>> = {
  trades: "trades",
  prices: "prices",
  klines: "klines",
  book: "books",
  pipeline: "pipeline",
};

type Behind = { newest: number | undefined; tryAtMs: number; told: boolean };

/**
 * A channel by the control API: its state by `GET`, from what a query has answered on, then the changes of the event stream; the state
 * again after each loss. What is missing or cannot be read is told by a notice. Ends with the signal; rejects when the token is
 * refused.
 */
export async function* controlChannel(
  spec: ChannelSpec,
  instance: Instance,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { kind } = spec;
  const symbol = kind === "pipeline" ? undefined : spec.symbol;
  const seen = new NewRows(instance.answered.get(channelPath(kind, symbol)));
  let origin = await instance.originOf("control", instance.reader("control", signal));
  /** While the state is to be read: what was newest when that was found. */
  let behind: Behind | undefined;
  for await (const batch of instance.events!.subscribe(CHANNELS[kind]!, symbol, signal)) {
    const rows: unknown[] = [];
    const notices: Notice[] = [];
    const warn = (text: string) => void notices.push({ severity: "warning", text });
    let omitted = 0;
    for (const told of batch) {
      if (told.type === "interrupted") warn(`The stream is interrupted: ${told.text}`);
      if (told.type === "behind") behind = { newest: seen.newest, told: false, ...behind, tryAtMs: 0 };
      if (behind !== undefined && behind.tryAtMs <= performance.now()) {
        const missed: Behind = behind;
        try {
          const patience = AbortSignal.any([signal, AbortSignal.timeout(instance.settings.timeoutMs)]);
          const state = await readState(spec, instance, { newest: missed.newest, signal: patience });
          behind = undefined;
          origin ??= await instance.originOf("control", instance.reader("control", signal));
          if (state.leftOut !== undefined) {
            warn(`${state.leftOut} ${kind} before these are left out: refresh the panel to read them`);
          }
          rows.push(...newRows(kind, state.rows, { seen, state: true }));
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof CandlewireError && error.retry !== "retry") throw error;
          if (!missed.told) warn(`The stream goes on without its state: ${errorText(error)}`);
          behind = { ...missed, told: true, tryAtMs: performance.now() + AGAIN_MS };
        }
      }
      if (told.type !== "change" || told.data === null) continue;
      origin = told.stamp;
      omitted += told.data.omitted ?? 0;
      rows.push(...newRows(kind, kind === "trades" ? told.data.trades ?? [] : [told.data], { seen }));
    }
    if (omitted > 0) {
      warn(`${omitted} trades are not in the stream here: refresh the panel to read them`);
    }
    const shown = kind === "book" || kind === "pipeline" ? rows.slice(-1) : rows;
    if (shown.length > 0 || notices.length > 0) {
      yield packetOf(spec, shown, { source: "control", origin, notices });
    }
  }
}

/** Rows that were not seen before. */
function newRows(
  kind: ChannelSpec["kind"],
  rows: readonly unknown[],
  { seen, state }: { seen: NewRows; state?: boolean },
): readonly unknown[] {
  switch (kind) {
    case "trades":
      return seen.trades(rows as TradeRow[], { state });
    case "prices":
      return seen.prices(rows as PriceRow[]);
    case "klines":
      return seen.klines(rows as KlineRow[]);
    case "book":
      return seen.books(rows as BookRow[]).map(wholeBook);
    default:
      return rows;
  }
}
