import assert from "node:assert/strict";
import fc from "fast-check";
import { CandlewireError } from "../error.ts";
import { testSeed } from "../tests/seed.ts";
import { DEFAULT_PORTS, settleSettings, STACK_PARTS, type StackWishes } from "./settings.ts";

const noPort = () => assert.fail("no free port was asked for");
const thrown = (work: () => unknown): CandlewireError => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof CandlewireError, String(error));
    return error;
  }
  return assert.fail("It did not throw");
};

Deno.test("settles by default on one of each, on the servers' own ports", () => {
  const settings = settleSettings(undefined, {}, noPort);
  assert.deepEqual(settings.parts, [...STACK_PARTS]);
  assert.deepEqual([settings.brokers, settings.nodes], [1, 1]);
  assert.deepEqual(settings.ports, DEFAULT_PORTS);
});

Deno.test("keeps what was settled when nothing else is asked for", () => {
  const wishes: fc.Arbitrary<StackWishes> = fc.record({
    brokers: fc.integer({ min: 1, max: 3 }),
    nodes: fc.integer({ min: 1, max: 3 }),
    parts: fc.subarray([...STACK_PARTS], { minLength: 1 }).filter((parts) =>
      parts.includes("kafka") || !parts.includes("connect")
    ),
    ports: fc.uniqueArray(fc.integer({ min: 1024, max: 6000 }), { minLength: 2, maxLength: 2 }).map((
      [kafka, cassandra],
    ) => ({ kafka: kafka!, cassandra: cassandra!, connect: 0 })),
    heapsMb: fc.record({ kafka: fc.integer({ min: 128, max: 4096 }) }),
  });
  fc.assert(
    fc.property(wishes, (asked) => {
      const settled = settleSettings(undefined, asked, () => 15_000);
      assert.equal(settled.ports.connect, 15_000);
      assert.deepEqual(settleSettings(settled, {}, noPort), settled);
      // A free port that was taken once is the stack's port: 0 does not ask for another.
      assert.deepEqual(settleSettings(settled, asked, noPort), settled);
    }),
    { seed: testSeed("settings") },
  );
});

Deno.test("takes as many free ports as are asked for, all different", () => {
  const offered = [20_000, 20_000, 9042, 20_001];
  const { ports } = settleSettings(
    undefined,
    { ports: { kafka: 0, connect: 0, cassandra: 9042 } },
    () => offered.shift()!,
  );
  assert.equal(new Set(Object.values(ports)).size, Object.values(ports).length);
});

Deno.test("refuses what no stack can be, naming value and remedy", () => {
  const cases: [StackWishes, RegExp][] = [
    [{ brokers: 4 }, /--brokers 4/],
    [{ nodes: 0 }, /--nodes 0/],
    [{ parts: [] }, /nothing/],
    [{ parts: ["connect"] }, /connect without kafka/],
    [{ ports: { kafka: 70_000 } }, /--kafka-port 70000/],
    [{ ports: { kafka: 9042 } }, /9042.*--cassandra-port|9042.*--kafka-port/],
    [{ heapsMb: { cassandra: 16 } }, /cassandra a heap of 16 MB/],
  ];
  for (const [wishes, message] of cases) {
    const error = thrown(() => settleSettings(undefined, wishes, noPort));
    assert.equal(error.code, "stack.settings");
    assert.match(error.message, message);
    assert.ok(error.hint);
  }
});

Deno.test("refuses another number of servers than the folder's data were laid out for", () => {
  const settled = settleSettings(undefined, { nodes: 3 }, noPort);
  const error = thrown(() => settleSettings(settled, { nodes: 1 }, noPort));
  assert.equal(error.code, "stack.size_changed");
  assert.match(error.hint!, /down --remove/);
});
