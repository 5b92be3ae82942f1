import cassandra from "cassandra-driver";
import { setTimeout as timeout } from "node:timers/promises";
import { CandlewireError } from "../error.ts";
import { steadyClock } from "../market/epoch.ts";

/** How long a lock outlives its owner's last sign of life, s. */
const LOCK_TTL_S = 60;
const RENEW_MS = 15_000;

/** Options of {@linkcode withSchemaLock}. */
export type SchemaLockOptions = {
  /** Keyspace with the table `locks`. */
  keyspace: string;
  /** How long another host's work is waited for, ms. Default 5 minutes. */
  waitMs?: number;
  print?: (line: string) => void;
};

/**
 * Does work while no other host does work under the same name. The lock is a row written by compare-and-set with a time
 * to live: who dies loses it after a minute. Work gets `held`, to ask before each step: it rejects once the lock could
 * not be renewed in time.
 *
 * Rejects with `cassandra.locked` (`retry`) when another host holds it all the while.
 */
export async function withSchemaLock<T>(
  client: cassandra.Client,
  options: SchemaLockOptions,
  work: (held: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { keyspace, waitMs = 300_000, print = () => {} } = options;
  const owner = crypto.randomUUID();
  const consistency = cassandra.types.consistencies.quorum;
  const set = (cql: string, values: string[]) => client.execute(cql, values, { prepare: true, consistency });
  const deadline = steadyClock() + waitMs;
  for (let told = false;; told = true) {
    const taken = await set(
      `INSERT INTO ${keyspace}.locks (name, owner) VALUES ('schema', ?) IF NOT EXISTS USING TTL ${LOCK_TTL_S}`,
      [owner],
    );
    // An answer that was lost leaves us the owner.
    if (taken.wasApplied() || taken.first()?.owner === owner) break;
    if (steadyClock() > deadline) {
      throw new CandlewireError(
        "cassandra.locked",
        `Migrate keyspace ${keyspace}: another host (${taken.first()?.owner}) has been at it for ${waitMs} ms`,
        { retry: "retry", hint: `It ends by itself ${LOCK_TTL_S} s after that host has died` },
      );
    }
    if (!told) print(`Another host is migrating keyspace ${keyspace}; waiting`);
    await timeout(500);
  }
  let renewedAt = steadyClock();
  const held = async () => {
    if (steadyClock() - renewedAt < RENEW_MS) return;
    const renewed = await set(
      `UPDATE ${keyspace}.locks USING TTL ${LOCK_TTL_S} SET owner = ? WHERE name = 'schema' IF owner = ?`,
      [owner, owner],
    );
    if (!renewed.wasApplied()) {
      throw new CandlewireError(
        "cassandra.lock_lost",
        `Migrate keyspace ${keyspace}: the lock went to ${renewed.first()?.owner ?? "nobody"} meanwhile`,
        { retry: "retry", hint: "Start again: what was done is not done twice" },
      );
    }
    renewedAt = steadyClock();
  };
  try {
    return await work(held);
  } finally {
    await set(`DELETE FROM ${keyspace}.locks WHERE name = 'schema' IF owner = ?`, [owner]).catch(() => {});
  }
}
