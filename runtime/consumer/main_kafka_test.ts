import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Partitioners } from "kafkajs";
import { BINARY_PREFIX } from "../change/record.ts";
import { memoryContext } from "../host/memory_context.ts";
import { TABLES } from "../market/table.ts";
import { SqliteMarketQuery } from "../query/sqlite.ts";
import { KafkaTopics } from "../tests/kafka_topics.ts";
import { stackIgnore, stackName } from "../tests/test_stack.ts";
import { eventually } from "../tests/until.ts";
import { consumerConfigSchema } from "./config.ts";
import main from "./main.ts";

const ORIGIN = { kind: "exchange", id: "test", label: "test" } as const;
const T0 = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;

function envelope(id: number, changed: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    before: null,
    after: {
      symbol: "BTCUSDT",
      trade_id: id,
      price: "61234.56000000",
      quantity: "0.10000000",
      trade_time: new Date(T0 + id).toISOString(),
      is_buyer_maker: false,
      backfill: false,
      ...changed,
    },
    source: { version: "3", connector: "postgresql", name: "binance", ts_ms: 1, snapshot: "false" },
    transaction: null,
    op: "c",
    ts_ms: 1,
  };
}

/** The servers take their time. */
const until = (condition: () => boolean | Promise<boolean>, what: string) =>
  eventually(condition, what, 60_000);

Deno.test({
  name: stackName(
    "whatever lies in a topic is stored, filtered or a dead letter with its bytes; a missing topic holds up no other (I5)",
  ),
  ...stackIgnore,
  async fn() {
    const folder = Deno.makeTempDirSync();
    // One partition where four are the rule, and two topics that are not there yet.
    const [late, later, ...there] = TABLES;
    await using topics = await KafkaTopics.create({ changes: there, partitions: 1 });
    const producer = topics.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const key = JSON.stringify({ symbol: "BTCUSDT" });
    const avro = Buffer.from([0, 0, 0, 0, 7, 14, 66, 84, 67, 85, 83, 68, 84, 255, 254]);
    const bytes = Buffer.from([0xc3, 0x28, 0xff, 0, 1, 2]);
    const values: (Buffer | string | null)[] = [
      JSON.stringify(envelope(1)),
      JSON.stringify({ schema: { type: "struct", optional: false }, payload: envelope(2) }),
      avro,
      bytes,
      null,
      '{"schema":null,"payload":null}',
      "not json",
      JSON.stringify(envelope(3, { price: 61234.56 })),
      JSON.stringify(envelope(4, { note: "a column more" })),
      JSON.stringify({ ...envelope(5), after: { symbol: "BTCUSDT", trade_id: 5 } }),
      JSON.stringify(envelope(6)),
    ];
    const context = memoryContext({
      ...consumerConfigSchema.parse({ retryMaxMs: 200 }),
      log: {
        kind: "kafka",
        login: topics.login,
        group: `${topics.prefix}-group`,
        topicPrefix: `${topics.prefix}.`,
      },
      store: { kind: "sqlite", file: `${folder}/store.db`, cacheKiB: 8192 },
      transforms: [],
    }, { name: "consumer", origin: ORIGIN, answer: () => [] });
    const ended = main(context);
    ended.catch(() => {});
    try {
      await producer.send({
        topic: topics.name("recent_trades"),
        messages: values.map((value) => ({ key, value })),
      });
      await using query = new SqliteMarketQuery(`${folder}/store.db`);
      const dead = async () => (await query.deadLetters({ limit: 100 })).rows;
      await until(async () => {
        const account = await context.invoke("account", {}).catch(() => undefined);
        return (account as { read: number } | undefined)?.read === values.length;
      }, "all records");
      const { rows } = await query.trades({ symbol: "BTCUSDT", limit: 100 });
      assert.deepEqual(rows.map(({ trade_id }) => trade_id).sort(), [1, 2, 4, 6]);
      assert.equal(context.values.get('candlewire_filtered_total{rule="tombstone"}'), 2);
      const letters = (await dead()).sort((a, b) => a.offset - b.offset);
      assert.deepEqual(letters.map(({ offset, code }) => [offset, code]), [
        [2, "transform.binary"],
        [3, "transform.binary"],
        [6, "transform.bad_json"],
        [7, "transform.schema_mismatch"],
        [9, "transform.schema_mismatch"],
      ]);
      assert.match(letters[0]!.message, /Avro/);
      for (const [at, sent] of [[0, avro], [1, bytes]] as const) {
        const { value } = letters[at]!;
        assert.deepEqual(Buffer.from(value!.slice(BINARY_PREFIX.length), "base64"), sent);
      }
      // I1: the group's position is behind what is durable, and lag is told.
      await until(async () => {
        const positions = await context.invoke("positions", {}) as { position: number; high: number }[];
        return positions.some(({ position, high }) => position === values.length && high === values.length);
      }, "the position");
      // Topics that appear later are taken up.
      for (const topic of [late!, later!]) await topics.make(topic, { partitions: 2 });
      const at = new Date(T0).toISOString();
      const row = { symbol: "BTCUSDT", price: "9", updated_at: at, last_trade_id: 1, version: T0 * 1000 };
      await producer.send({
        topic: topics.name("latest_prices"),
        messages: [{ key, value: JSON.stringify({ ...envelope(1), after: row }) }],
      });
      await until(
        async () => (await query.prices({ symbol: "BTCUSDT", limit: 1 })).rows.length === 1,
        "the price",
      );
      // A letter whose cause is mended outside, by a record that follows, stays until it is dropped.
      const counts = await context.invoke("dead_letters.retry", {});
      assert.deepEqual(counts, { retried: 5, stored: 0, filtered: 0, failed: 5 });
    } finally {
      context.stop();
      await ended;
      await producer.disconnect();
      const admin = topics.kafka.admin();
      await admin.connect();
      await admin.deleteGroups([`${topics.prefix}-group`]).catch(() => {});
      await admin.disconnect();
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
