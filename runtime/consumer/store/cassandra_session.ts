import cassandra from "cassandra-driver";
import { cassandraError } from "../../cassandra/error_cassandra.ts";
import { consistencyOf } from "../../cassandra/client_cassandra.ts";
import type { CassandraLogin, Consistency } from "../../cassandra/login.ts";
import { whyUnprepared } from "./cassandra_request.ts";

/** The level at which the store reads back what it wrote at a level: the two meet in at least one replica. */
const READ_BACK: Record<Consistency, Consistency> = {
  ONE: "ONE",
  TWO: "TWO",
  THREE: "THREE",
  QUORUM: "QUORUM",
  ALL: "LOCAL_ONE",
  LOCAL_QUORUM: "LOCAL_QUORUM",
  // Not to be had for reads.
  EACH_QUORUM: "LOCAL_QUORUM",
  LOCAL_ONE: "LOCAL_ONE",
};

type Row = cassandra.types.Row;

/** Statements of the store that are not worth encoding by hand, with the store's levels and errors. */
export class CassandraSession {
  readonly client: cassandra.Client;
  readonly write: number;
  readonly read: number;

  constructor(client: cassandra.Client, login: CassandraLogin) {
    this.client = client;
    this.write = consistencyOf(login.consistency.write);
    this.read = consistencyOf(READ_BACK[login.consistency.write]);
  }

  /** All rows. */
  async rows(action: string, cql: string, values: unknown[]): Promise<Row[]> {
    return await this.do(action, async () => {
      const options = { prepare: true, consistency: this.read, isIdempotent: true, fetchSize: 5000 };
      const found = await this.client.execute(cql, values, options);
      const rows: Row[] = [];
      for await (const row of found) rows.push(row);
      return rows;
    });
  }

  /** An idempotent change, at the driver's clock. */
  async change(action: string, cql: string, values: unknown[]): Promise<void> {
    await this.do(
      action,
      () => this.client.execute(cql, values, { prepare: true, consistency: this.write, isIdempotent: true }),
    );
  }

  /** A compare-and-set: whether it was applied, and the row that was in its way. Never sent twice. */
  async compareAndSet(
    action: string,
    cql: string,
    values: unknown[],
  ): Promise<{ applied: boolean; row: Row | null }> {
    return await this.do(action, async () => {
      const found = await this.client.execute(cql, values, {
        prepare: true,
        consistency: this.write,
        isIdempotent: false,
      });
      return { applied: found.wasApplied(), row: found.first() };
    });
  }

  async do<T>(action: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw cassandraError(action, await whyUnprepared(this.client, cause), "store");
    }
  }
}
