import assert from "node:assert/strict";
import type { RecordBatch } from "../../kafka/record_batch.ts";
import { KafkaPartition } from "./kafka_partition.ts";

const batch = (base: number, last: number): RecordBatch => ({
  base,
  last,
  bytes: new Uint8Array(100),
  hidden: false,
});

Deno.test("a partition takes no answer to an older question, which would leave a hole behind it (I5)", () => {
  // Begun anew at 150 after a rebalance, while an answer from 500 on waited in the driver.
  const partition = new KafkaPartition({ topic: "t", partition: 0 }, {
    start: 150,
    committed: 150,
    high: 900,
  });
  assert.equal(partition.push([batch(500, 599)], 900, 500), false);
  assert.equal(partition.fetched, 150);
  assert.equal(partition.bytes, 0);
  // Offsets may have holes: what was asked for counts, not where the first batch begins.
  assert.equal(partition.push([batch(160, 199)], 900, 150), true);
  assert.equal(partition.fetched, 200);
  // A compressed batch begins before what was asked for.
  assert.equal(partition.push([batch(160, 199), batch(200, 219)], 900, 190), true);
  assert.equal(partition.fetched, 220);
});
