import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { eventually } from "../tests/until.ts";
import { ORIGIN } from "./control_fixture.ts";
import { EventHub, type EventHubOptions } from "./event_hub.ts";
import type { Channel } from "./parameter.ts";
import { SseReader } from "./sse_reader_fixture.ts";

const OPTIONS: EventHubOptions = {
  origin: ORIGIN,
  maxReaders: 4,
  maxEvents: 100,
  maxEventBytes: 1_000_000,
  maxReaderBytes: 20_000,
  heartbeatMs: 60_000,
  stalledReaderMs: 60_000,
  nowMs: Date.now,
};

type Snapshot = Parameters<EventHub["open"]>[0]["snapshot"];
const nothing: Snapshot = async function* () {};

function open(
  hub: EventHub,
  channels: Channel[],
  options: { symbols?: string[]; lastEventId?: string; snapshot?: Snapshot } = {},
) {
  return new SseReader(hub.open({
    channels,
    snapshot: nothing,
    problem: (error) => ({ code: String(error) }),
    ...options,
  }));
}

Deno.test("snapshot first, then what changed while it was read, then changes; each carries the origin (I8)", async () => {
  const hub = new EventHub(OPTIONS);
  const reader = open(hub, ["prices"], {
    snapshot: async function* (channel) {
      hub.publish("prices", "BTCUSDT", "BTCUSDT", { price: "2" });
      yield { symbol: "BTCUSDT", data: { from: channel, price: "1" } };
      yield { error: "boom" };
    },
  });
  const events = [await reader.json(), await reader.json(), await reader.json()];
  assert.deepEqual(events.map((one) => [one.event, one.kind ?? one.problem.code, one.data?.price]), [
    ["prices", "snapshot", "1"],
    ["problem", "boom", undefined],
    ["prices", "change", "2"],
  ]);
  for (const one of events) assert.deepEqual([one.origin, one.simulated], [ORIGIN, true]);
  hub.publish("prices", "BTCUSDT", "BTCUSDT", { price: "3" });
  assert.equal((await reader.json()).data.price, "3");
  hub.close();
});

Deno.test("a reader gets its channels and symbols only", async () => {
  const hub = new EventHub(OPTIONS);
  const reader = open(hub, ["trades", "modules"], { symbols: ["BTCUSDT"] });
  hub.publish("trades", "ETHUSDT", null, 1);
  hub.publish("books", "BTCUSDT", null, 2);
  hub.publish("trades", "BTCUSDT", null, 3);
  hub.publish("modules", null, "consumer", 4);
  assert.deepEqual([(await reader.json()).data, (await reader.json()).data], [3, 4]);
  hub.close();
});

Deno.test("Last-Event-ID resumes without loss; an old, foreign or made-up id gets a gap and snapshots", async () => {
  const hub = new EventHub({ ...OPTIONS, maxEvents: 10 });
  const first = open(hub, ["trades"]);
  for (let n = 1; n <= 5; n++) hub.publish("trades", "BTCUSDT", null, n);
  await first.json();
  const { id } = await first.json();
  await first.cancel();
  assert.equal(hub.readers, 0);
  hub.publish("trades", "BTCUSDT", null, 6);

  const second = open(hub, ["trades"], { lastEventId: id });
  const got: number[] = [];
  for (let n = 0; n < 4; n++) got.push((await second.json()).data);
  assert.deepEqual(got, [3, 4, 5, 6]);

  for (let n = 7; n <= 30; n++) hub.publish("trades", "BTCUSDT", null, n);
  const snapshot: Snapshot = async function* () {
    yield { symbol: null, data: "state" };
  };
  for (const lastEventId of [id, "00000000.3", "nonsense", `${id.split(".")[0]}.999999`]) {
    const reader = open(hub, ["trades"], { lastEventId, snapshot });
    const [gap, state] = [await reader.json(), await reader.json()];
    assert.deepEqual([gap.event, gap.reason, gap.channels, gap.origin], [
      "gap",
      "too_old",
      ["trades"],
      ORIGIN,
    ]);
    assert.deepEqual([state.kind, state.data], ["snapshot", "state"]);
    await reader.cancel();
  }
  hub.close();
});

Deno.test("a slow reader: the newest of each key, a gap marker for what was dropped, ids rise (I10)", async () => {
  const hub = new EventHub(OPTIONS);
  const slow = open(hub, ["prices", "trades"]);
  const fast = open(hub, ["prices", "trades"]);
  let taken = 0;
  const draining = (async () => {
    for (let n = 0; n < 600; n++) {
      await fast.json();
      taken++;
    }
  })();
  for (let n = 0; n < 300; n++) {
    hub.publish("prices", "BTCUSDT", "BTCUSDT", { n });
    hub.publish("trades", "BTCUSDT", null, { n, padding: "x".repeat(200) });
    // The fast reader keeps up; the slow one takes nothing.
    await eventually(() => taken === 2 * n + 2, `the fast reader takes event ${n}`);
  }
  await draining;
  assert.ok(hub.figures.dropped > 0);

  const events = [];
  for (let last = -1; last < 299;) {
    const event = await slow.json();
    events.push(event);
    if (event.event === "trades") last = event.data.n;
  }
  const gaps = events.filter((one) => one.event === "gap");
  assert.equal(gaps.length, 1);
  assert.equal(events[0].event, "gap");
  assert.deepEqual([gaps[0].reason, gaps[0].channels], ["slow_reader", ["trades"]]);
  const trades = events.filter((one) => one.event === "trades");
  // I5 in small: what is missing is counted.
  assert.equal(trades.length + gaps[0].dropped, 300);
  assert.deepEqual(events.filter((one) => one.event === "prices").map((one) => one.data.n), [299]);
  const ids = events.filter((one) => one.id !== undefined).map((one) => Number(one.id.split(".")[1]));
  assert.deepEqual(ids, [...ids].sort((a, b) => a - b));
  hub.close();
});

Deno.test("an event that no reader could hold is a gap, not a burst of memory", async () => {
  const hub = new EventHub(OPTIONS);
  const reader = open(hub, ["books"]);
  hub.publish("books", "BTCUSDT", "BTCUSDT", "x".repeat(30_000));
  const gap = await reader.json();
  assert.deepEqual([gap.event, gap.dropped, hub.figures.oversized], ["gap", 1, 1]);
  hub.close();
});

Deno.test("readers are limited, and a place is free again once one has gone", async () => {
  const hub = new EventHub({ ...OPTIONS, maxReaders: 1 });
  const first = open(hub, ["prices"]);
  await assert.rejects(async () => open(hub, ["prices"]), { code: "control.too_many_readers" });
  await first.cancel();
  await open(hub, ["prices"]).cancel();
  hub.close();
});

Deno.test("quiet streams get comments; a reader that takes nothing is cut", async () => {
  let now = 0;
  const hub = new EventHub({ ...OPTIONS, heartbeatMs: 20, stalledReaderMs: 1_000, nowMs: () => now });
  const quiet = open(hub, ["prices"]);
  assert.ok((await quiet.next({ comments: true }))!.comment);
  const stuck = hub.open({ channels: ["trades"], snapshot: nothing, problem: () => ({}) });
  hub.publish("trades", "BTCUSDT", null, 1);
  assert.equal(hub.readers, 2);
  now = 2_000;
  await eventually(() => hub.figures.cut >= 1, "the stuck reader is cut");
  // What is cut ends: it does not hang.
  const reader = stuck.getReader();
  while (!(await reader.read()).done);
  hub.close();
});

Deno.test("nothing is encoded while nobody reads", () => {
  const hub = new EventHub(OPTIONS);
  let encoded = 0;
  hub.publish("prices", "BTCUSDT", "BTCUSDT", { toJSON: () => ++encoded });
  assert.equal(encoded, 0);
  hub.close();
});

Deno.test("each event is encoded once, however many read", async () => {
  const hub = new EventHub(OPTIONS);
  let encoded = 0;
  const readers = Array.from({ length: 4 }, () => open(hub, ["prices"]));
  hub.publish("prices", "BTCUSDT", "BTCUSDT", { toJSON: () => ++encoded });
  for (const reader of readers) assert.equal((await reader.json()).data, 1);
  hub.close();
});

Deno.test("property: whatever is published and whenever a reader breaks off, the resumed stream loses nothing", async () => {
  const seed = testSeed("event hub resume");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.constantFrom("a", "b", null), symbol: fc.constantFrom("X", "Y") }), {
        minLength: 1,
        maxLength: 60,
      }),
      fc.nat(59),
      async (published, breakAt) => {
        const hub = new EventHub({ ...OPTIONS, maxEvents: 1000 });
        let reader = open(hub, ["trades"]);
        // Last value seen by key, and every value of events without key.
        const seen = new Map<string, number>();
        const want = new Map<string, number>();
        let lastEventId: string | undefined;
        let sinceId = 0;
        const take = async () => {
          const event = await reader.json();
          assert.ok(event.event !== "gap");
          const sequence = Number(event.id.split(".")[1]);
          assert.ok(sequence > sinceId, "ids rise");
          sinceId = sequence;
          lastEventId = event.id;
          seen.set(event.data.key ?? `#${event.data.n}`, event.data.n);
          return event.data.n as number;
        };
        for (const [n, { key, symbol }] of published.entries()) {
          hub.publish("trades", symbol, key, { n, key });
          want.set(key ?? `#${n}`, n);
          if (n === breakAt) {
            await take();
            await reader.cancel();
            reader = open(hub, ["trades"], { lastEventId });
          }
        }
        const last = published.length - 1;
        if (sinceId < published.length) { while (await take() !== last); }
        for (const [key, n] of want) assert.equal(seen.get(key), n, `key ${key}`);
        hub.close();
      },
    ),
    { seed, numRuns: 100 },
  );
});
