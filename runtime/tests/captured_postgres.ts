import { join } from "node:path";
import pg from "pg";
import type { Envelope } from "../change/envelope.ts";
import { JournalLog } from "../consumer/log/journal.ts";
import { type MemoryContext, memoryContext } from "../host/memory_context.ts";
import type { Origin } from "../market/origin.ts";
import { migratePostgres } from "../postgres/migrate_postgres.ts";
import { type PostgresServer, startPostgres } from "../postgres/server.ts";
import { type CaptureConfig, captureConfig } from "../capture/config.ts";
import main, { type SinkParameters } from "../capture/main.ts";
import { eventually } from "./until.ts";

/** One record of the journal, parsed. */
export type Captured = {
  topic: string;
  partition: number;
  offset: number;
  key: Record<string, unknown> | null;
  value: Envelope;
};

/** A running capture over a real PostgreSQL, for tests. */
export type RunningCapture = AsyncDisposable & { context: MemoryContext; done: Promise<void> };

/** The origin that the fixtures write. */
export const ORIGIN: Origin = { kind: "exchange", id: "capture-test", label: "capture test" };

/**
 * A real, migrated PostgreSQL in a temporary folder, with an owner's connection, and journals beside it.
 * For tests: what they have in common, not a part of capture.
 */
export class CapturedPostgres implements AsyncDisposable {
  readonly folder: string;
  server: PostgresServer;
  owner: pg.Client;
  #journals = 0;

  private constructor(folder: string, server: PostgresServer, owner: pg.Client) {
    this.folder = folder;
    this.server = server;
    this.owner = owner;
  }

  static async start(): Promise<CapturedPostgres> {
    const folder = await Deno.makeTempDir();
    // The server runs as another user when the tests run as root.
    await Deno.chmod(folder, 0o755);
    const server = await startPostgres({ folder: join(folder, "pg"), port: 0 });
    try {
      await migratePostgres(server, {
        origin: ORIGIN,
        passwords: { candlewire_producer: "p", candlewire_capture: "c" },
      });
      return new CapturedPostgres(folder, server, await connect(server));
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /**
   * Stops the server as `kill -9` or as an orderly restart would, and starts it again. `meanwhile`: what must have been seen
   * before it is.
   */
  async restart(how: "kill" | "stop", meanwhile: () => Promise<unknown> = async () => {}): Promise<void> {
    await this.owner.end().catch(() => {});
    if (how === "kill") {
      Deno.kill(this.server.pid, "SIGKILL");
      await eventually(() => !processLives(this.server.pid), "the killed server is still there");
    } else await this.server.stop();
    await meanwhile();
    const { port } = this.server;
    // The killed server's children let go of its shared memory a moment after it.
    await eventually(async () => {
      const again = startPostgres({ folder: join(this.folder, "pg"), port });
      const server = await again.catch((error) => {
        if (error.code !== "postgres.start_failed") throw error;
      });
      if (server !== undefined) this.server = server;
      return server !== undefined;
    }, "the killed server does not start again");
    this.owner = await connect(this.server);
  }

  /** A new, empty journal folder. */
  journal(): string {
    return join(this.folder, `journal-${++this.#journals}`);
  }

  /** A login of the capture role, as parameters and secret. */
  parameters(journalFolder: string, config: Partial<CaptureConfig>): Record<string, unknown> {
    const { host, port, database } = this.server;
    return {
      ...captureConfig.parse(config),
      postgres: { host, port, database, user: "candlewire_capture" },
      sink: { kind: "journal", folder: journalFolder },
    };
  }

  /** Runs capture in this process, into the journal unless a sink is named. Disposing of it stops it and checks that it ended well. */
  capture(journalFolder: string, config: Partial<CaptureConfig> = {}, sink?: SinkParameters): RunningCapture {
    const parameters = this.parameters(journalFolder, config);
    const context = memoryContext(sink === undefined ? parameters : { ...parameters, sink }, {
      origin: ORIGIN,
      secrets: { postgresPassword: "c" },
    });
    const done = main(context);
    done.catch(() => {});
    return {
      context,
      done,
      async [Symbol.asyncDispose]() {
        context.stop();
        await done;
      },
    };
  }

  /** Waits until capture streams: from then on, every commit comes as a change. */
  async streaming(running: RunningCapture): Promise<void> {
    await Promise.race([
      running.done,
      eventually(
        () => running.context.state.detail.startsWith("Streaming"),
        () => `capture does not stream: ${JSON.stringify(running.context.state)}`,
      ),
    ]);
  }

  /** Grants the capture role the tables that a test made, and publishes them. */
  async publish(...tables: string[]): Promise<void> {
    for (const table of tables) {
      await this.owner.query(`GRANT SELECT ON ${table} TO candlewire_capture`);
      await this.owner.query(`ALTER PUBLICATION candlewire ADD TABLE ${table}`);
    }
  }

  /** Drops a slot that a test has done with. */
  async dropSlot(slot: string): Promise<void> {
    await eventually(async () => {
      const sql =
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active";
      await this.owner.query(sql, [slot]);
      return (await this.owner.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = $1", [slot]))
        .rowCount === 0;
    }, `slot ${slot} stays in use`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using ends = new AsyncDisposableStack();
    ends.defer(() => Deno.remove(this.folder, { recursive: true }));
    ends.defer(() => this.server.stop());
    ends.defer(() => this.owner.end().catch(() => {}));
  }
}

/** Everything in a journal's topics, in the order of partitions and offsets. */
export async function journalRecords(journalFolder: string, topics?: string[]): Promise<Captured[]> {
  await using log = new JournalLog(journalFolder);
  const found: Captured[] = [];
  for (const { topic, partition, low, high } of await log.watermarks()) {
    if (topics !== undefined && !topics.includes(topic)) continue;
    for (let at = low; at < high;) {
      const batch = await log.read({ topic, partition, from: at, until: high, maxRecords: 5000 });
      for (const { offset, key, value } of batch.records) {
        found.push({
          topic,
          partition,
          offset,
          key: key === null ? null : JSON.parse(key),
          value: JSON.parse(value!),
        });
      }
      at = batch.next;
    }
  }
  return found;
}

/** Waits until a journal has at least `count` records of a topic. */
export async function recordsOf(journalFolder: string, topic: string, count: number): Promise<Captured[]> {
  let found: Captured[] = [];
  await eventually(async () => {
    found = await journalRecords(journalFolder, [topic]);
    return found.length >= count;
  }, () => `only ${found.length} of ${count} records of ${topic} came`);
  return found;
}

function processLives(pid: number): boolean {
  try {
    // A zombie has ended: only its parent does not know yet.
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

async function connect(server: PostgresServer): Promise<pg.Client> {
  const client = new pg.Client(server);
  client.on("error", () => {});
  await client.connect();
  return client;
}
