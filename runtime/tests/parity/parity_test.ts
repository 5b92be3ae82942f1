import assert from "node:assert/strict";
import { stackIgnore, stackName } from "../test_stack.ts";
import { captureBoth, captureOurs } from "./capture_both.ts";
import { DIFFERENCES } from "./differences.ts";
import { goldenFile } from "./golden.ts";
import { normalise, type ParityRecord } from "./normalise.ts";
import { TABLES } from "./workload.ts";

Deno.test("our capture writes Debezium's records, the documented differences aside", async () => {
  const ours = normalise(await captureOurs(), { prefix: "binance", exact: false });
  const used = new Set<string>();
  for (const table of TABLES) {
    const expected = await golden(table);
    apply(expected, table, used);
    compare(ours.get(table) ?? [], expected, table);
  }
  const unused = DIFFERENCES.map(({ name }) => name).filter((name) => !used.has(name));
  assert.deepEqual(unused, [], "differences that are gone");
});

Deno.test({
  name: stackName(
    "the golden records are what Debezium writes, and both give the same LSNs and times for the same change",
  ),
  ...stackIgnore,
  async fn(t) {
    const { ours, debezium, prefix } = await captureBoth();
    await t.step("goldens", async () => {
      const live = normalise(debezium, { prefix, exact: false });
      for (const table of TABLES) compare(plain(live.get(table) ?? []), await golden(table), table);
    });
    await t.step("the same positions", () => {
      const theirs = normalise(debezium, { prefix, exact: true });
      const mine = normalise(ours, { prefix: "binance", exact: true });
      for (const table of TABLES) {
        const expected = plain(theirs.get(table) ?? []);
        apply(expected, table, new Set());
        compare(plain(mine.get(table) ?? []), expected, table);
      }
    });
  },
});

function apply(records: ParityRecord[], table: string, used: Set<string>): void {
  for (const record of records) {
    for (const difference of DIFFERENCES) if (difference.apply(record, table)) used.add(difference.name);
  }
}

/** Record by record, so that a failure shows the one that differs. */
function compare(actual: ParityRecord[], expected: ParityRecord[], table: string): void {
  const ops = (records: ParityRecord[]) =>
    records.map(({ value }) => (value as { op: string } | null)?.op).join(" ");
  assert.equal(ops(actual), ops(expected), `${table}: operations`);
  for (const [index, record] of expected.entries()) {
    assert.deepEqual(plain(actual[index]), record, `${table}, record ${index + 1}`);
    // A key's text decides its partition: its fields' order counts.
    assert.equal(
      JSON.stringify(actual[index]!.key),
      JSON.stringify(record.key),
      `${table}, key ${index + 1}`,
    );
  }
}

async function golden(table: string): Promise<ParityRecord[]> {
  return JSON.parse(await Deno.readTextFile(goldenFile(table)));
}

function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}
