import { adviceText, type CandlewireError } from "../error.ts";
import type { ModuleContext } from "../host/module_context.ts";
import { steadyClock, wallClock } from "../market/epoch.ts";
import { TABLES } from "../market/table.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import type { ConsumerConfig } from "./config.ts";
import type { Chore } from "./chores.ts";
import { Consumer } from "./consume.ts";
import { ChangeDecoder } from "./decode_change.ts";
import { type LogParameters, openLog } from "./open_log.ts";
import { openStore, type StoreParameters } from "./open_store.ts";
import { Publisher } from "./publish.ts";
import { Replays } from "./replay.ts";
import { retry } from "./retry.ts";
import { serve } from "./serve.ts";
import type { Retention } from "./store/market_store.ts";
import { SymbolOwnership } from "./symbol_ownership.ts";
import { enrich } from "./transform/enrich.ts";
import { expired } from "./transform/expired.ts";
import { filter } from "./transform/filter.ts";
import { PriceMove } from "./transform/price_move.ts";
import type { Transform } from "./transform/transform.ts";
import { UserTransform } from "./transform/user.ts";
import { entriesOf, UserChain } from "./transform/user_chain.ts";
import { recomputeWindows, RunningMinutes } from "./transform/windows.ts";

/** What the consumer is started with: its section of the configuration, and where log and store are. */
export type ConsumerParameters = ConsumerConfig & {
  log: LogParameters;
  store: StoreParameters;
  /** User transforms known at the start; the host is asked every second which ones run (`transforms`). */
  transforms: { name: string; tables: string[] }[];
};

/** Prices read at the start, so that a price move that began before a restart is seen. */
const WARM_PRICES = 500_000;

/** How long a step of the windows goes on to begin minutes: a slow store must not keep rows waiting for all of them. */
const WINDOWS_STEP_MS = 500;

/** How many times longer windows wait while the log has more than a batch to read. */
const WINDOWS_BEHIND = 10;

/** The consumer module: wires log, transforms and store, and answers for dead letters, replays and alerts. */
export default async function main(context: ModuleContext): Promise<void> {
  const config = context.parameters as unknown as ConsumerParameters;
  const { metrics, signal } = context;
  const report = {
    log: context.log.bind(context),
    health: context.health.bind(context),
    metrics,
  };
  const retention: Retention = config.expire ? config.retention : KEEP_ALL;
  const waiting = {
    signal,
    minMs: config.retryMinMs,
    maxMs: config.retryMaxMs,
    onWait: (error: CandlewireError) => context.health("degraded", adviceText(error)),
  };
  await using store = await retry(
    () => openStore(config.store, context, { deadLetters: config.deadLetters, retention }),
    waiting,
  );
  const { log, notify, acknowledgedByCall } = await openLog(config.log, context);
  await using _log = log;
  using publisher = new Publisher((channel, event) => context.publish(channel, event));
  const priceMove = new PriceMove(config.alerts);
  const ownership = new SymbolOwnership();
  const warm = async (owns?: (symbol: string) => boolean) => {
    if (config.alerts.length === 0) return;
    const longest = Math.max(...config.alerts.map(({ withinMs }) => withinMs));
    priceMove.warm(await retry(() => store.recentPrices(longest, WARM_PRICES, { owns }), waiting));
  };
  // A shared log tells of its partitions as soon as it has some: then what is theirs is read.
  if (config.log.kind === "journal") await warm();
  /** What must be done by one consumer of all: the one that reads this partition, wherever it runs. */
  const leads = () => ownership.reads("recent_trades", 0);
  const known = entriesOf(JSON.parse(await retry(() => store.note("transforms"), waiting) ?? "[]"));
  const users = new UserChain([...known, ...config.transforms], {
    call: context.call.bind(context),
    create: ({ name, tables }) =>
      new UserTransform(name, {
        ...config.userTransforms,
        tables,
        call: context.call.bind(context),
        signal,
        minMs: config.retryMinMs,
        onUnavailable: (problem) => context.health("degraded", problem),
        onAvailable: () => consumer.tellHealth(),
        onCrash: (problem) => {
          metrics.count("candlewire_transform_crashes_total", 1, { transform: name });
          context.log("warn", `Transform ${name} failed on a group of rows`, { problem });
        },
      }),
    save: (entries) => store.saveNote("transforms", JSON.stringify(entries)),
    onChange(all) {
      transforms.splice(0, transforms.length, ...chain(priceMove));
      context.log("info", "User transforms changed", { transforms: all.map(({ name }) => name) });
    },
  });
  const chain = (last: PriceMove): Transform[] => [
    ...(config.expire ? [expired(retention, wallClock)] : []),
    ...(config.filters.length > 0 ? [filter(config.filters)] : []),
    ...users.transforms,
    enrich(),
    ...(config.alerts.length > 0 ? [last] : []),
  ];
  const transforms = chain(priceMove);
  const decoder = new ChangeDecoder({ columns: config.columns });
  const acknowledgements = new Acknowledgements((positions) =>
    context.call("capture", "log.acknowledged", { group: config.group, positions })
  );
  const replays = new Replays({
    log,
    store,
    columns: config.columns,
    transforms: () => chain(new PriceMove(config.alerts)),
    now: steadyClock,
    newId: () => crypto.randomUUID(),
    maxRecords: config.replay.maxRecords,
    onAlerts: (alerts) => publisher.alerts(alerts),
    leads: config.log.kind === "journal" ? undefined : () => ownership.shared && leads(),
  });
  await retry(() => replays.load(), waiting);

  const every = (name: string, everyMs: number, step: Chore["step"], more: Partial<Chore> = {}): Chore => {
    let next = 0;
    return {
      name,
      ...more,
      due: (now) => now >= next && more.due?.(now) !== false,
      step: async (now, caughtUp) => {
        const again = await step(now, caughtUp);
        // From its end on: a step that takes longer than that would leave no time for rows.
        if (!again) next = steadyClock() + everyMs;
        return again;
      },
    };
  };
  const chores: Chore[] = [
    { name: "replay", due: () => replays.due(steadyClock()), step: () => replays.step() },
    every("user transforms", 1000, async () => {
      await users.apply();
      void users.ask();
      return false;
    }),
    every("prune", config.pruneEveryMs, async () => !(await store.prune(wallClock(), retention)).done, {
      due: leads,
    }),
    every("unknown columns", 10_000, async () => {
      for (const [column, rows] of decoder.unknownColumns) {
        metrics.gauge("candlewire_unknown_columns", rows, { column });
      }
      return false;
    }, { beside: true }),
  ];
  if (acknowledgedByCall) {
    chores.push({
      name: "acknowledge",
      beside: true,
      step: async (now) => {
        void acknowledgements.flush(now);
        return false;
      },
    });
  }
  if (config.windows.enabled) {
    const owns = (symbol: string) => ownership.owns(symbol, ["recent_trades"]);
    const running = new RunningMinutes();
    let next = 0;
    chores.push(every("windows", config.windows.everyMs, async (now, caughtUp) => {
      // Behind, rows come first: trades read for windows of minutes that are not complete are read again later.
      if (!caughtUp && now < next) return false;
      const { windows, more } = await recomputeWindows(store, {
        ...config.windows,
        maxMs: WINDOWS_STEP_MS,
        owns,
        running,
      });
      next = steadyClock() + config.windows.everyMs * WINDOWS_BEHIND;
      publisher.windows(windows);
      return more && caughtUp;
    }));
  }
  const consumer = new Consumer({
    log,
    store,
    decoder,
    transforms,
    publisher,
    chores,
    acknowledged: () => acknowledgements.set(consumer.positions),
    reassigned: async (change) => {
      await ownership.change(change, log);
      // A move is told by whoever sees all prices of a symbol; what another sees now is forgotten, what is new is read.
      priceMove.keepOnly((symbol) => ownership.owns(symbol, priceMove.tables));
      if (change.assigned.length > 0) {
        await warm((symbol) => ownership.isIn(symbol, priceMove.tables, change.assigned));
      }
    },
    report,
    signal,
    now: steadyClock,
    maxRecords: config.maxRecords,
    pollTimeoutMs: config.pollTimeoutMs,
    retryMinMs: config.retryMinMs,
    retryMaxMs: config.retryMaxMs,
  });
  serve(context, { consumer, store, log, notify, replays, decoder, transforms });
  await consumer.run();
  if (acknowledgedByCall) await acknowledgements.flush(steadyClock(), true);
}

const KEEP_ALL = Object.fromEntries(
  [...TABLES, "windows_1s", "windows", "alerts"].map((name) => [name, null]),
) as Retention;
