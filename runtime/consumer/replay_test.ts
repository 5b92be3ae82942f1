import assert from "node:assert/strict";
import { topicOf } from "../change/envelope.ts";
import { CandlewireError } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import { MemoryLog } from "./log/memory.ts";
import { Replays, type ReplaysOptions } from "./replay.ts";
import { MemoryMarketStore } from "./store/memory.ts";
import type { Change, Transform } from "./transform/transform.ts";

const T0 = 1_723_161_240_000;
const TRADES = topicOf("recent_trades");

function rig(more: Partial<ReplaysOptions> = {}, store = new MemoryMarketStore(), log = new MemoryLog(2)) {
  let id = 0;
  let clock = T0;
  const replays = new Replays({
    log,
    store,
    transforms: () => [],
    now: () => clock++ as EpochMs,
    newId: () => `r${++id}`,
    maxRecords: 10,
    ...more,
  });
  return { log, store, replays };
}

function append(log: MemoryLog, id: number, price = "1.50"): void {
  const after = {
    symbol: `S${id % 5}`,
    trade_id: id,
    price,
    quantity: "2",
    trade_time: new Date(T0 + id).toISOString(),
    is_buyer_maker: true,
    backfill: false,
  };
  log.append([{
    topic: TRADES,
    key: JSON.stringify({ symbol: after.symbol }),
    value: JSON.stringify({ before: null, after, source: {}, op: "c" }),
    timestamp: T0 + id * 1000 as EpochMs,
  }]);
}

async function finish(replays: Replays): Promise<number> {
  let steps = 0;
  while (await replays.step()) if (++steps > 1000) throw new Error("Run a replay: it never ends");
  return steps;
}

const bad = (code: string) => (error: unknown) => error instanceof CandlewireError && error.code === code;

Deno.test("a replay stores what is missing, in bounded steps, without touching positions", async () => {
  const { log, store, replays } = rig();
  for (let id = 1; id <= 45; id++) append(log, id);
  const { id, total, state } = await replays.create({ topic: TRADES });
  assert.deepEqual([total, state], [45, "running"]);
  assert.ok(await finish(replays) >= 4);
  const replay = await replays.get(id);
  assert.deepEqual(
    [replay.state, replay.done, replay.stored, replay.unchanged, replay.failed, replay.error],
    ["done", 45, 45, 0, 0, null],
  );
  assert.equal(store.rows("recent_trades").length, 45);
  assert.deepEqual(await store.positions(), []);
  const again = await replays.create({ topic: TRADES });
  await finish(replays);
  assert.deepEqual([(await replays.get(again.id)).stored, (await replays.get(again.id)).unchanged], [0, 45]);
});

Deno.test("a dry run counts what would change and changes nothing", async () => {
  const { log, store, replays } = rig({
    transforms: () => [{
      name: "odd",
      tables: ["recent_trades"],
      apply: (changes: Change[]) =>
        changes.map((change) =>
          change.offset % 2 === 0 ? { kind: "keep", change } : { kind: "filter", rule: "odd" }
        ),
    }],
  });
  for (let id = 1; id <= 20; id++) append(log, id);
  log.append([{ topic: TRADES, key: null, value: "{", partition: 0 }]);
  const { id } = await replays.create({ topic: TRADES, dry_run: true });
  await finish(replays);
  const replay = await replays.get(id);
  assert.equal(replay.done, 21);
  assert.equal(replay.stored + replay.filtered + replay.failed + replay.unchanged, 21);
  assert.ok(replay.stored > 0 && replay.filtered > 0 && replay.failed === 1);
  assert.deepEqual(store.rows("recent_trades"), []);
  assert.deepEqual(await store.deadLetters({ limit: 9 }), []);
});

Deno.test("a correcting replay wins over what was stored, a plain one does not", async () => {
  const doubled: Transform = {
    name: "mended",
    tables: ["recent_trades"],
    apply: (changes) =>
      changes.map((change) => ({
        kind: "keep",
        change: { ...change, row: { ...change.row, price: "0.10" } as Change["row"] },
      })),
  };
  const first = rig();
  for (let id = 1; id <= 5; id++) append(first.log, id);
  await first.replays.create({ topic: TRADES });
  await finish(first.replays);
  const mended = rig({ transforms: () => [doubled] }, first.store, first.log);
  const prices = () => [...new Set(first.store.rows("recent_trades").map(({ price }) => price))];
  await mended.replays.create({ topic: TRADES });
  await finish(mended.replays);
  assert.deepEqual(prices(), ["1.50"]);
  const { revision } = await mended.replays.create({ topic: TRADES, correcting: true });
  await finish(mended.replays);
  assert.deepEqual([revision, prices()], [1, ["0.10"]]);
  // Delivery and plain replay, at revision 0, do not undo it.
  await first.replays.create({ topic: TRADES });
  await finish(first.replays);
  assert.deepEqual(prices(), ["0.10"]);
});

Deno.test("offset and time ranges, one partition, and what is out of range", async () => {
  const { log, store, replays } = rig();
  for (let id = 1; id <= 40; id++) append(log, id);
  const marks = await log.watermarks();
  const [{ partition, high }] = marks as [typeof marks[number]];
  await replays.create({ topic: TRADES, partition, from_offset: 2, until_offset: 5 });
  await finish(replays);
  assert.equal(store.rows("recent_trades").length, 3);
  await replays.create({ topic: TRADES, from_time: T0 + 10_000, until_time: T0 + 20_000 });
  await finish(replays);
  const ids = new Set(store.rows("recent_trades").map(({ trade_id }) => trade_id as number));
  for (let id = 10; id < 20; id++) assert.ok(ids.has(id), `trade ${id}`);
  assert.ok(!ids.has(21));
  assert.equal((await replays.create({ topic: TRADES, partition, from_offset: high })).total, 0);
  log.prune({ topic: TRADES, partition, offset: 3 });
  await assert.rejects(
    replays.create({ topic: TRADES, partition, from_offset: 1 }),
    bad("replay.out_of_range"),
  );
  await assert.rejects(replays.create({ topic: TRADES, partition: 77 }), bad("replay.out_of_range"));
  for (
    const request of [
      null,
      {},
      { topic: "x" },
      { topic: TRADES, from_offset: -1 },
      { topic: TRADES, from_offset: "1" },
      {
        topic: TRADES,
        from_offset: 5,
        until_offset: 4,
      },
      { topic: TRADES, from_offset: 1, until_time: 5 },
      { topic: TRADES, dry_run: 1 },
    ]
  ) await assert.rejects(replays.create(request), bad("replay.bad_request"), JSON.stringify(request));
});

Deno.test("a replay goes on after a restart, can be cancelled, and ends as failed when its range is gone", async () => {
  const { log, store, replays } = rig();
  for (let id = 1; id <= 60; id++) append(log, id);
  const { id } = await replays.create({ topic: TRADES });
  await replays.step();
  const half = await replays.get(id);
  assert.deepEqual([half.state, half.done], ["running", 10]);
  const restarted = rig({}, store, log);
  await restarted.replays.load();
  await finish(restarted.replays);
  assert.deepEqual([(await restarted.replays.get(id)).state, (await restarted.replays.get(id)).done], [
    "done",
    60,
  ]);
  assert.equal(store.rows("recent_trades").length, 60);

  const cancelled = await restarted.replays.create({ topic: TRADES });
  await restarted.replays.step();
  assert.equal((await restarted.replays.cancel(cancelled.id)).state, "cancelled");
  assert.equal(await restarted.replays.step(), false);
  assert.equal((await restarted.replays.cancel(cancelled.id)).state, "cancelled");

  const late = await restarted.replays.create({ topic: TRADES });
  for (const { topic, partition, high } of await log.watermarks()) {
    log.prune({ topic, partition, offset: high });
  }
  await finish(restarted.replays);
  const failed = await restarted.replays.get(late.id);
  assert.equal(failed.state, "failed");
  assert.match(failed.error!, /log\.out_of_range: .*were removed/);
  await assert.rejects(restarted.replays.get("none"), bad("replay.unknown"));
});

Deno.test("an unavailable log or store makes a replay wait, not fail", async () => {
  const { log, replays } = rig();
  append(log, 1);
  const { id } = await replays.create({ topic: TRADES });
  log.unavailable = new CandlewireError("log.unavailable", "Read: no broker", { retry: "retry" });
  await assert.rejects(replays.step(), /no broker/);
  log.unavailable = null;
  await finish(replays);
  assert.equal((await replays.get(id)).state, "done");
});

Deno.test("a replay whose end finds no store is ended again, not left running", async () => {
  const { log, store, replays } = rig();
  append(log, 1);
  const { id } = await replays.create({ topic: TRADES });
  await replays.step();
  const save = store.saveReplay.bind(store);
  store.saveReplay = () =>
    Promise.reject(new CandlewireError("store.unavailable", "Save: disk full", { retry: "retry" }));
  await assert.rejects(replays.step(), /disk full/);
  assert.equal(replays.due(T0 as EpochMs), true);
  store.saveReplay = save;
  await finish(replays);
  assert.equal((await replays.get(id)).state, "done");
  assert.equal(replays.due(T0 as EpochMs), false);
});

Deno.test("consumers that share a store meet in it: any starts and cancels, the one that leads runs and another goes on", async () => {
  const store = new MemoryMarketStore();
  const log = new MemoryLog(2);
  for (let id = 1; id <= 45; id++) append(log, id);
  let leader = 0;
  let clock = T0;
  const members = [0, 1].map((place) =>
    rig(
      { leads: () => leader === place, newId: () => `m${place}-${clock}`, now: () => clock as EpochMs },
      store,
      log,
    )
      .replays
  );
  const turn = async () => {
    clock += 2000;
    for (const member of members) if (member.due(clock as EpochMs)) await member.step();
  };
  const stateOf = async (id: string) => (await store.replays()).find((replay) => replay.id === id)!;
  // Asked of the one that does not lead.
  const first = await members[1]!.create({ topic: TRADES });
  await turn();
  const { done, state } = await stateOf(first.id);
  assert.ok(done > 0 && done < 45 && state === "running", `${done} ${state}`);
  leader = 1;
  for (let turns = 0; turns < 20 && (await stateOf(first.id)).state === "running"; turns++) await turn();
  const ended = await stateOf(first.id);
  assert.deepEqual([ended.state, ended.done, ended.stored], ["done", 45, 45]);
  assert.equal(store.rows("recent_trades").length, 45);
  // Cancelled by the one that does not run it, between two of its steps.
  clock += 1;
  const second = await members[0]!.create({ topic: TRADES });
  await turn();
  await members[0]!.cancel(second.id);
  for (let turns = 0; turns < 5; turns++) await turn();
  const cancelled = await stateOf(second.id);
  assert.equal(cancelled.state, "cancelled");
  assert.ok(cancelled.done < 45);
  assert.equal(members[1]!.due(clock as EpochMs), false);
});
