import { CandlewireError } from "../error.ts";
import type { ModuleContext } from "../host/module_context.ts";
import { wallClock } from "../market/epoch.ts";
import type { Consumer } from "./consume.ts";
import { type DeadLetterSelection, retryDeadLetters } from "./dead_letters.ts";
import type { ChangeDecoder } from "./decode_change.ts";
import type { ChangeLog } from "./log/change_log.ts";
import type { Replays } from "./replay.ts";
import type { MarketStore } from "./store/market_store.ts";
import type { Transform } from "./transform/transform.ts";

/** The parts of the consumer that calls are about. */
export type ConsumerParts = {
  consumer: Consumer;
  store: MarketStore;
  log: ChangeLog;
  notify: () => void;
  replays: Replays;
  decoder: ChangeDecoder;
  transforms: readonly Transform[];
};

/** Answers what the control API and capture ask of the consumer. */
export function serve(context: ModuleContext, parts: ConsumerParts): void {
  const { consumer, store, log, replays, decoder, transforms } = parts;
  const id = (parameters: unknown) => String((parameters as { id?: unknown } | null)?.id ?? "");
  context.handle("log.appended", () => {
    parts.notify();
    return {};
  });
  context.handle("positions", async () => {
    // What the log remembers comes first, so that a partition that is quiet since the start is not shown as unread.
    const positions = new Map(
      [...log.positions?.() ?? [], ...consumer.positions].map((
        at,
      ) => [`${at.topic}/${at.partition}`, at.offset]),
    );
    const marks = await log.watermarks();
    return marks.filter((at) => consumer.reads(at)).map(({ topic, partition, low, high }) => ({
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

function checkSelection(parameters: unknown): DeadLetterSelection {
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
