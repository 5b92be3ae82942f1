import { CandlewireError } from "../error.ts";
import type { ModuleContext } from "../host/module_context.ts";
import { steadyClock, wallClock } from "../market/epoch.ts";
import { TABLES } from "../market/table.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import type { ConsumerConfig } from "./config.ts";
import { type Chore, Consumer } from "./consume.ts";
import { retryDeadLetters } from "./dead_letters.ts";
import { ChangeDecoder } from "./decode_change.ts";
import { JournalLog } from "./log/journal.ts";
import { Publisher } from "./publish.ts";
import { Replays } from "./replay.ts";
import { retry } from "./retry.ts";
import type { Retention } from "./store/market_store.ts";
import { SqliteMarketStore } from "./store/sqlite.ts";
import { enrich } from "./transform/enrich.ts";
import { expired } from "./transform/expired.ts";
import { filter } from "./transform/filter.ts";
import { PriceMove } from "./transform/price_move.ts";
import type { Transform } from "./transform/transform.ts";
import { UserTransform } from "./transform/user.ts";
import { entriesOf, UserChain } from "./transform/user_chain.ts";
import { recomputeWindows } from "./transform/windows.ts";

/** What the consumer is started with: its section of the configuration, and where log and store are. */
export type ConsumerParameters = ConsumerConfig & {
  journalFolder: string;
  storeFile: string;
  /** User transforms known at the start; the host is asked every second which ones run (`transforms`). */
  transforms: { name: string; tables: string[] }[];
};

/** Prices read at the start, so that a price move that began before a restart is seen. */
const WARM_PRICES = 500_000;

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
    onWait: (error: CandlewireError) =>
      context.health("degraded", `${error.message}${error.hint === undefined ? "" : `. ${error.hint}`}`),
  };
  await using store = await retry(
    async () =>
      new SqliteMarketStore(config.storeFile, {
        origin: context.origin,
        writer: context.name,
        epoch: context.epoch,
        cacheKiB: config.storeCacheKiB,
        deadLetters: config.deadLetters,
      }),
    waiting,
  );
  await using log = new JournalLog(config.journalFolder, { origin: context.origin });
  const publisher = new Publisher((channel, event) => context.publish(channel, event));
  const priceMove = new PriceMove(config.alerts);
  if (config.alerts.length > 0) {
    const longest = Math.max(...config.alerts.map(({ withinMs }) => withinMs));
    priceMove.warm(await store.recentPrices(longest, WARM_PRICES));
  }
  const known = entriesOf(JSON.parse(await store.note("transforms") ?? "[]"));
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
    now: wallClock,
    newId: () => crypto.randomUUID(),
    maxRecords: config.replay.maxRecords,
    onAlerts: (alerts) => publisher.alerts(alerts),
  });
  await replays.load();

  const every = (name: string, everyMs: number, step: Chore["step"]): Chore => {
    let next = 0;
    return {
      name,
      step: async (now, caughtUp) => {
        if (now < next) return false;
        const more = await step(now, caughtUp);
        if (!more) next = now + everyMs;
        return more;
      },
    };
  };
  const chores: Chore[] = [
    { name: "replay", step: () => replays.step() },
    every("user transforms", 1000, async () => {
      await users.apply();
      void users.ask();
      return false;
    }),
    every("prune", config.pruneEveryMs, async () => !(await store.prune(wallClock(), retention)).done),
    {
      name: "acknowledge",
      step: async (now) => {
        void acknowledgements.flush(now);
        return false;
      },
    },
    every("unknown columns", 10_000, async () => {
      for (const [column, rows] of decoder.unknownColumns) {
        metrics.gauge("candlewire_unknown_columns", rows, { column });
      }
      return false;
    }),
  ];
  if (config.windows.enabled) {
    chores.push(every("windows", config.windows.everyMs, async (_now, caughtUp) => {
      const { windows, more } = await recomputeWindows(store, config.windows);
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
    report,
    signal,
    now: steadyClock,
    maxRecords: config.maxRecords,
    pollTimeoutMs: config.pollTimeoutMs,
    retryMinMs: config.retryMinMs,
    retryMaxMs: config.retryMaxMs,
  });
  serve(context, { consumer, store, log, replays, decoder, transforms });
  await consumer.run();
  publisher.flush(Infinity);
  await acknowledgements.flush(steadyClock(), true);
}

type Parts = {
  consumer: Consumer;
  store: SqliteMarketStore;
  log: JournalLog;
  replays: Replays;
  decoder: ChangeDecoder;
  transforms: readonly Transform[];
};

/** What the control API and capture ask of the consumer. */
function serve(context: ModuleContext, { consumer, store, log, replays, decoder, transforms }: Parts): void {
  const id = (parameters: unknown) => String((parameters as { id?: unknown } | null)?.id ?? "");
  context.handle("log.appended", () => {
    log.notify();
    return {};
  });
  context.handle("positions", async () => {
    const positions = new Map(consumer.positions.map((at) => [`${at.topic}/${at.partition}`, at.offset]));
    return (await log.watermarks()).map(({ topic, partition, low, high }) => ({
      topic,
      partition,
      position: positions.get(`${topic}/${partition}`) ?? low,
      high,
    }));
  });
  context.handle("account", () => ({ ...consumer.account }));
  context.handle("replays.create", (parameters) => consumer.exclusive(() => replays.create(parameters)));
  context.handle("replays.list", () => consumer.exclusive(() => replays.list()));
  // Null for an id that is not known: what becomes of that is the asker's choice.
  context.handle(
    "replays.get",
    (parameters) =>
      consumer.exclusive(async () =>
        (await replays.list()).find((replay) => replay.id === id(parameters)) ?? null
      ),
  );
  context.handle("replays.cancel", (parameters) => consumer.exclusive(() => replays.cancel(id(parameters))));
  context.handle("dead_letters.retry", (parameters) =>
    consumer.exclusive(async () => {
      const selection = checkSelection(parameters);
      const counts = await retryDeadLetters(store, selection, { decoder, transforms, now: wallClock });
      consumer.roomMade();
      return counts;
    }));
  context.handle("dead_letters.drop", (parameters) =>
    consumer.exclusive(async () => {
      const dropped = await store.dropDeadLetter(id(parameters));
      if (!dropped) {
        throw new CandlewireError(
          "dead_letter.unknown",
          `Drop dead letter "${id(parameters).slice(0, 200)}": no such`,
        );
      }
      context.log("warn", "A dead letter was dropped", { id: id(parameters) });
      consumer.roomMade();
      return { dropped };
    }));
  context.handle(
    "alerts.delivered",
    (parameters) =>
      consumer.exclusive(async () => ({ delivered: await store.markDelivered(id(parameters)) })),
  );
}

function checkSelection(parameters: unknown): { ids?: string[]; code?: string; topic?: string } {
  const { ids, code, topic } = (parameters ?? {}) as Record<string, unknown>;
  const text = (value: unknown) => value === undefined || typeof value === "string";
  if (
    !text(code) || !text(topic) ||
    (ids !== undefined && !(Array.isArray(ids) && ids.length <= 10_000 && ids.every(text)))
  ) {
    throw new CandlewireError(
      "dead_letter.bad_request",
      "Retry dead letters: expected {ids?: [text, …], code?: text, topic?: text}",
    );
  }
  return {
    ids: ids as string[] | undefined,
    code: code as string | undefined,
    topic: topic as string | undefined,
  };
}

const KEEP_ALL = Object.fromEntries(
  [...TABLES, "windows_1s", "windows", "alerts"].map((name) => [name, null]),
) as Retention;
