/**
 * Makes the golden files anew: what Debezium in the Connect of `CANDLEWIRE_TEST_STACK` writes for the workload, by table.
 *   deno run -A runtime/tests/parity/make_goldens.ts
 */
import { captureBoth } from "./capture_both.ts";
import { goldenFile } from "./golden.ts";
import { normalise } from "./normalise.ts";

const { debezium, prefix } = await captureBoth();
for (const [table, records] of normalise(debezium, { prefix, exact: false })) {
  const lines = records.map((record) => JSON.stringify(record));
  await Deno.writeTextFile(goldenFile(table), `[\n${lines.join(",\n")}\n]\n`);
  console.log(`${table}: ${records.length} records`);
}
