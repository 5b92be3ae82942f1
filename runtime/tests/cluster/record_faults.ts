import assert from "node:assert/strict";
import { type Admin, ConfigResourceTypes, Kafka, logLevel, Partitioners } from "kafkajs";
import { until } from "../pipeline_process.ts";
import type { FaultPipeline } from "./fault_pipeline.ts";
import type { ClusterServers } from "./servers.ts";

const TRADES = "binance.public.recent_trades";
const KEY = '{"symbol":"FOREIGN"}';

/** What strangers may put into a topic of trades, and the code of the dead letter that becomes of it. */
const FOREIGN: { what: string; value: string | Uint8Array; code: string; message: RegExp }[] = [
  {
    what: "Avro of a schema registry",
    value: Uint8Array.of(0, 0, 0, 0, 7, 0x0e, 0x42, 0x54, 0x43, 0xff, 0xfe),
    code: "transform.binary",
    message: /11 bytes that begin as Avro.*value\.converter/,
  },
  { what: "garbage", value: "{not json", code: "transform.bad_json", message: /JSON/ },
  {
    what: "invalid UTF-8",
    value: Uint8Array.of(0xff, 0xfe, 0x80, 0xc0),
    code: "transform.binary",
    message: /4 bytes that are no UTF-8/,
  },
  { what: "no envelope", value: "[1,2]", code: "transform.bad_envelope", message: /found \[1,2\]/ },
  {
    what: "an unknown operation",
    value: '{"before":null,"after":{},"op":"z"}',
    code: "transform.unknown_operation",
    message: /found "z"/,
  },
  {
    what: "a column that is not there, close to a megabyte",
    value: JSON.stringify({
      before: null,
      after: { symbol: "FOREIGN", pad: "x".repeat(1_000_000) },
      op: "c",
    }),
    code: "transform.schema_mismatch",
    message: /column "trade_id" is missing/,
  },
];

/** Puts records of strangers among those of the pipeline, under load, with every codec: they become dead letters. */
export async function recordFaults(
  fault: FaultPipeline,
  parts: { servers: ClusterServers; admin: Admin },
): Promise<void> {
  const { servers, admin } = parts;
  const kafka = new Kafka({ clientId: "stranger", brokers: servers.kafka, logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const put = (value: string | Uint8Array | null, key: string | null = KEY) =>
    producer.send({
      topic: TRADES,
      messages: [{ key, value: value instanceof Uint8Array ? Buffer.from(value) : value }],
    });
  try {
    await fault.load();
    // The broker compresses what it is given again, Debezium's batches and ours.
    for (const codec of ["gzip", "snappy", "lz4", "zstd"]) {
      await setTopic(admin, TRADES, { "compression.type": codec });
      await put(trade(`${codec.toUpperCase()}CODEC`));
      await fault.storedMore(30);
    }
    for (const { value } of FOREIGN) await put(value);
    await put(null);
    await put(
      JSON.stringify({ schema: { type: "struct", fields: [] }, payload: JSON.parse(trade("WRAPPED")) }),
    );
    await put(trade("NOKEY"), null);
    for (const symbol of ["WRAPPED", "NOKEY", "GZIPCODEC", "SNAPPYCODEC", "LZ4CODEC", "ZSTDCODEC"]) {
      await until(
        `the trade of ${symbol}`,
        60_000,
        async () => (await fault.store.tradeRange(symbol))?.last === 1 || undefined,
        () => fault.tail,
      );
    }
    await until(
      "a letter for each of the foreign records",
      60_000,
      async () => (await fault.letters()).length >= FOREIGN.length || undefined,
      async () => JSON.stringify(await fault.letters()).slice(0, 3000),
    );
    await fault.storedMore(100);
    const letters = (await fault.letters()).toSorted((a, b) => a.offset - b.offset);
    assert.deepEqual(letters.map(({ code }) => code), FOREIGN.map(({ code }) => code));
    for (const [i, { what, value, message }] of FOREIGN.entries()) {
      const letter = letters[i]!;
      assert.match(letter.message, message, what);
      assert.deepEqual([letter.topic, letter.key], [TRADES, KEY], what);
      const { deadLetter } = await fault.pipeline.get<{ deadLetter: { value: string } }>(
        `dead-letters/${encodeURIComponent(letter.id)}`,
      );
      // The payload, to the last byte.
      const text = typeof value === "string"
        ? value
        : `data:;base64,${Buffer.from(value).toString("base64")}`;
      assert.ok(deadLetter.value === text, `${what}: ${deadLetter.value.slice(0, 200)}`);
    }
    const retried = await fault.pipeline.post<Record<string, unknown>>("dead-letters/retry", { all: true });
    assert.deepEqual(
      [retried.retried, retried.stored, retried.failed],
      [FOREIGN.length, 0, FOREIGN.length],
    );
    assert.equal(await fault.dropLetters(), FOREIGN.length);
    await fault.equalsTruth();
  } finally {
    await producer.disconnect();
  }
}

/** An envelope of a trade as Debezium writes it, of a symbol that the exchange has not. */
function trade(symbol: string): string {
  const now = Date.now();
  return JSON.stringify({
    before: null,
    after: {
      symbol,
      trade_id: 1,
      price: "1.50",
      quantity: "2.00",
      trade_time: new Date(now).toISOString(),
      is_buyer_maker: true,
      backfill: false,
    },
    source: { table: "recent_trades", lsn: 1, ts_ms: now },
    op: "c",
    ts_ms: now,
    transaction: null,
  });
}

/** Changes settings of a topic and keeps the others that were set on it. */
async function setTopic(admin: Admin, topic: string, settings: Record<string, string>): Promise<void> {
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
  // Source 1 is the topic's own setting.
  const own = resources[0]!.configEntries.filter(({ configSource }) => Number(configSource) === 1)
    .map(({ configName, configValue }) => [configName, configValue] as const);
  const configEntries = Object.entries({ ...Object.fromEntries(own), ...settings })
    .map(([name, value]) => ({ name, value }));
  await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
}
