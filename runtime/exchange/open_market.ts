import { type EpochMs, wallClock } from "../market/epoch.ts";
import type { Origin } from "../market/origin.ts";
import type { ExchangeMarketConfig } from "./config.ts";
import { EngineFeed } from "./engine/engine_feed.ts";
import { selectListings } from "./engine/listing.ts";
import type { ExchangeMarket } from "./market.ts";
import { digestsOf, openRecording } from "./recording/open_recording.ts";
import { RecordingFeed } from "./recording/recording_feed.ts";
import { type RunIdentity, SpoolFolder } from "./spool_folder.ts";
import { SpooledMarket } from "./spooled_market.ts";

/**
 * Counts changes of the engine that make other events of the same seed. A folder of another version is refused: it
 * could not be continued.
 */
const ENGINE_VERSION = 1;

/**
 * Opens the market: a new run in a new folder, or the folder's run where it left off. Throws `exchange.folder_*` when
 * the folder cannot be had or holds another run, `exchange.symbol`, `exchange.recording_*` for input that is not
 * understood.
 */
export async function openMarket(config: ExchangeMarketConfig): Promise<ExchangeMarket> {
  const folder = SpoolFolder.open(config.folder);
  try {
    return config.source === "engine"
      ? openEngine(config, folder)
      : await openRecordings(config, config.source, folder);
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

function openEngine(config: ExchangeMarketConfig, folder: SpoolFolder): ExchangeMarket {
  const listings = selectListings(config.symbols);
  const { seed, ratePerSecond, historyHours } = config;
  const { origin, startTime } = takeRun(folder, config.startTime, {
    source: "engine",
    engine: ENGINE_VERSION,
    seed,
    ratePerSecond,
    historyHours,
    symbols: listings.map((listing) => listing.info.symbol).join(","),
  }, { kind: "exchange", label: `exchange, seed ${seed}` });
  const feed = new EngineFeed({ listings, seed, ratePerSecond, historyHours, startTime });
  return new SpooledMarket(feed, folder, { origin, notes: [], checkpointSteps: config.checkpointSteps });
}

async function openRecordings(
  config: ExchangeMarketConfig,
  paths: readonly string[],
  folder: SpoolFolder,
): Promise<ExchangeMarket> {
  const { loop, originalTimes } = config;
  const digests = await digestsOf(paths);
  const names = paths.map((path) => path.split(/[\\/]/).at(-1)).join(", ");
  const { origin, startTime } = takeRun(folder, config.startTime, {
    source: "recording",
    digests: digests.join(","),
    loop,
    originalTimes,
  }, { kind: "recording", label: `recording ${names}` });
  const { recording, file } = await openRecording(paths, digests, folder.path);
  const feed = new RecordingFeed({ recording, file, loop, ...originalTimes ? {} : { startTime } });
  const notes = [
    originalTimes
      ? "Recorded times are kept"
      : `Recorded times are shifted by ${feed.shiftMs} ms${loop ? ", further with every round" : ""}`,
    ...recording.notes,
  ];
  return new SpooledMarket(feed, folder, { origin, notes, checkpointSteps: config.checkpointSteps });
}

/** The folder's run when it is the one that is asked for; a new one in a new folder. */
function takeRun(
  folder: SpoolFolder,
  startTime: number | null,
  identity: RunIdentity,
  origin: Omit<Origin, "id">,
): { origin: Origin; startTime: EpochMs } {
  const run = folder.run();
  if (run === undefined) {
    const begun = {
      origin: { ...origin, id: `${origin.kind}-${crypto.randomUUID().slice(0, 13)}` },
      identity,
      startTime: startTime ?? wallClock(),
    };
    folder.begin(begun);
    return { origin: begun.origin, startTime: begun.startTime as EpochMs };
  }
  folder.check({
    ...run,
    identity: { ...run.identity, ...startTime !== null && { startTime: run.startTime } },
  }, {
    ...identity,
    ...startTime !== null && { startTime },
  });
  return { origin: run.origin, startTime: run.startTime as EpochMs };
}
