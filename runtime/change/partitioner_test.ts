import assert from "node:assert/strict";
import { murmur2, partitionFor } from "./partitioner.ts";

// Values from Apache Kafka's own UtilsTest.testMurmur2.
const KAFKA_CASES: [string, number][] = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
];

Deno.test("murmur2() equals Kafka's on Kafka's own test values", () => {
  for (const [text, hash] of KAFKA_CASES) assert.equal(murmur2(new TextEncoder().encode(text)), hash, text);
});

Deno.test("partitionFor() stays within the partitions", () => {
  for (const symbol of ["BTCUSDT", "ETHUSDT", "币安人生USDT"]) {
    const partition = partitionFor(JSON.stringify({ symbol }), 6);
    assert.ok(partition >= 0 && partition < 6);
  }
});
