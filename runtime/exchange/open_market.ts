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
 * understood. `wall` is what a run whose start was not given follows.
 */
export async function openMarket(
  config: ExchangeMarketConfig,
  options: { wall?: () => number } = {},
): Promise<ExchangeMarket> {
  const clock = options.wall ?? wallClock;
  const folder = SpoolFolder.open(config.folder);
  try {
    return config.source === "engine"
      ? openEngine(config, folder, clock)
      : await openRecordings(config, config.source, folder, clock);
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

function openEngine(config: ExchangeMarketConfig, folder: SpoolFolder, clock: () => number): ExchangeMarket {
  const listings = selectListings(config.symbols);
  const { seed, ratePerSecond, historyHours } = config;
  const { origin, startTime, followsWall } = takeRun(folder, { startTime: config.startTime, clock }, {
    source: "engine",
    engine: ENGINE_VERSION,
    seed,
    ratePerSecond,
    historyHours,
    symbols: listings.map((listing) => listing.info.symbol).join(","),
  }, { kind: "exchange", label: `exchange, seed ${seed}` });
  const feed = new EngineFeed({ listings, seed, ratePerSecond, historyHours, startTime });
  return new SpooledMarket(feed, folder, {
    origin,
    notes: () => [],
    wall: followsWall ? clock : undefined,
    ...keptBy(config),
  });
}

async function openRecordings(
  config: ExchangeMarketConfig,
  paths: readonly string[],
  folder: SpoolFolder,
  clock: () => number,
): Promise<ExchangeMarket> {
  const { loop, originalTimes } = config;
  const digests = await digestsOf(paths);
  const names = paths.map((path) => path.split(/[\\/]/).at(-1)).join(", ");
  const { origin, startTime, followsWall } = takeRun(folder, { startTime: config.startTime, clock }, {
    source: "recording",
    digests: digests.join(","),
    loop,
    originalTimes,
  }, { kind: "recording", label: `recording ${names}` });
  const { recording, file } = await openRecording(paths, digests, folder.path);
  const feed = new RecordingFeed({ recording, file, loop, ...originalTimes ? {} : { startTime } });
  const notes = () => [
    originalTimes
      ? "Recorded times are kept"
      : `Recorded times are shifted by ${feed.shiftMs} ms${loop ? ", further with every round" : ""}`,
    ...recording.notes,
  ];
  return new SpooledMarket(feed, folder, {
    origin,
    notes,
    wall: followsWall ? clock : undefined,
    ...keptBy(config),
  });
}

/** The folder's run when it is the one that is asked for; a new one in a new folder. */
function takeRun(
  folder: SpoolFolder,
  { startTime, clock }: { startTime: number | null; clock: () => number },
  identity: RunIdentity,
  origin: Omit<Origin, "id">,
): { origin: Origin; startTime: EpochMs; followsWall: boolean } {
  const run = folder.run();
  if (run === undefined) {
    const begun = {
      origin: { ...origin, id: `${origin.kind}-${crypto.randomUUID().slice(0, 13)}` },
      identity,
      startTime: startTime ?? Math.floor(clock()),
      followsWall: startTime === null && identity.originalTimes !== true,
    };
    folder.begin(begun);
    return { origin: begun.origin, startTime: begun.startTime as EpochMs, followsWall: begun.followsWall };
  }
  folder.check({
    ...run,
    identity: { ...run.identity, ...startTime !== null && { startTime: run.startTime } },
  }, {
    ...identity,
    ...startTime !== null && { startTime },
  });
  return { origin: run.origin, startTime: run.startTime as EpochMs, followsWall: run.followsWall };
}

/** How much of a run stays on disk. */
function keptBy({ checkpointSteps, spoolMb }: ExchangeMarketConfig) {
  return { checkpointSteps, spoolBytes: spoolMb === null ? Infinity : spoolMb * 1_000_000 };
}
