import cassandra from "cassandra-driver";
import type { Buffer } from "node:buffer";
import { setTimeout as timeout } from "node:timers/promises";
import { cassandraError, cassandraFailure } from "../../cassandra/error_cassandra.ts";
import { sendBatch } from "./cassandra_request.ts";

/** A batch of statements for one partition key, ready to be sent. */
export type Mutation = { frame: Buffer; consistency: number; routingKey: Buffer };

/** Requests under way at most, and at the start. */
const MOST_IN_FLIGHT = 32;
const FIRST_IN_FLIGHT = 16;
/** How often an overloaded cluster is asked again before the caller is told. */
const PATIENCE = 4;
const FIRST_PAUSE_MS = 100;

/**
 * Sends mutations, a bounded number at a time (I10). Overload and time-outs halve that number and pause; each round of
 * answers without one adds one. Because each statement carries its version, the same mutation may be sent again, and in
 * any order (I2).
 */
export class CassandraSender {
  readonly #client: cassandra.Client;
  #window = FIRST_IN_FLIGHT;
  #credit = 0;

  constructor(client: cassandra.Client) {
    this.#client = client;
  }

  /** Requests that may be under way now. */
  get window(): number {
    return this.#window;
  }

  /**
   * Resolves when every mutation is acknowledged at its level (I1). Rejects with `store.unavailable` and its kin once
   * nothing is under way any more; then any part of them may be stored.
   */
  async send(mutations: readonly Mutation[], action: string): Promise<void> {
    if (mutations.length === 0) return;
    let next = 0;
    let inFlight = 0;
    let failure: { cause: unknown } | undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const pump = () => {
      while (failure === undefined && next < mutations.length && inFlight < this.#window) {
        inFlight++;
        this.#one(mutations[next++]!).then(done, failed);
      }
      if (inFlight === 0) resolve();
    };
    const done = () => {
      inFlight--;
      pump();
    };
    const failed = (cause: unknown) => {
      failure ??= { cause };
      done();
    };
    pump();
    await promise;
    if (failure !== undefined) throw cassandraError(action, (failure as { cause: unknown }).cause, "store");
  }

  #one(mutation: Mutation): Promise<unknown> {
    return sendBatch(this.#client, mutation.frame, mutation).then(
      () => this.#answered(),
      (error) => this.#again(mutation, error, 1),
    );
  }

  async #again(mutation: Mutation, error: unknown, attempt: number): Promise<void> {
    if (cassandraFailure(error) !== "overloaded") throw error;
    this.#window = Math.max(1, this.#window >> 1);
    this.#credit = 0;
    // Who did not answer at all has been waited for long enough: the caller says that it waits.
    if (attempt > PATIENCE || error instanceof cassandra.errors.OperationTimedOutError) throw error;
    await timeout(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
    try {
      await sendBatch(this.#client, mutation.frame, mutation);
    } catch (again) {
      return await this.#again(mutation, again, attempt + 1);
    }
  }

  #answered(): void {
    if (this.#window >= MOST_IN_FLIGHT || ++this.#credit < this.#window * 4) return;
    this.#window++;
    this.#credit = 0;
  }
}
