import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import type pg from "pg";
import { type CommandProcess, TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { superuserOf } from "../superuser_postgres.ts";
import {
  booksSettledIn,
  compareSettled,
  drainedInto,
  followedIn,
  nextTradeIds,
  storedMoreIn,
} from "../truth.ts";
import { CassandraTruth } from "../truth_cassandra.ts";
import { type ClusterNames, type ClusterServers, clusterSettings } from "./servers.ts";

type Stage = { id: string; state: string; detail: string; figures: { label: string; value: number }[] };
type Readiness = { checks: { name: string; ok: boolean; why: string }[] };

/** A dead letter as `GET dead-letters` has it. */
export type Letter = {
  id: string;
  topic: string;
  offset: number;
  code: string;
  message: string;
  key: string | null;
  value: string | null;
};

/** Runs a step of the test under a name; rejects when it failed. */
export type FaultStep = (name: string, work: () => Promise<void>) => Promise<void>;

const SYMBOLS = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "XRPUSDT"];

/**
 * An exchange and one pipeline of the cluster profile, to which faults happen under a light load, and the comparison with
 * the exchange's truth after each.
 */
export class FaultPipeline implements AsyncDisposable {
  readonly exchange: TestExchange;
  readonly names: ClusterNames;
  #pipeline: TestPipeline;
  readonly #make: (settings: Record<string, unknown>) => TestPipeline;
  readonly #servers: ClusterServers;
  #store!: CassandraTruth;
  #firstIds = new Map<string, number>();
  #from = 0;

  private constructor(
    exchange: TestExchange,
    servers: ClusterServers,
    names: ClusterNames,
    make: (settings: Record<string, unknown>) => TestPipeline,
  ) {
    this.exchange = exchange;
    this.names = names;
    this.#servers = servers;
    this.#make = make;
    this.#pipeline = make({});
  }

  /** Starts the exchange, paused; the pipeline waits for {@linkcode FaultPipeline.follow}. */
  static async prepare(
    folder: string,
    parts: { servers: ClusterServers; names: ClusterNames; seed: number },
  ): Promise<FaultPipeline> {
    const { servers, names, seed } = parts;
    const exchange = await TestExchange.start({
      "exchange.market.folder": join(folder, "exchange"),
      "exchange.market.seed": seed,
      "exchange.market.ratePerSecond": 40,
      "exchange.server.port": 0,
      "exchange.server.speed": 10,
      "exchange.server.paused": true,
    });
    const make = (settings: Record<string, unknown>) =>
      new TestPipeline(join(folder, "pipeline"), {
        ...clusterSettings(servers, names),
        "source.restUrl": exchange.url,
        "symbols": SYMBOLS,
        // Faults within minutes use up a budget meant for real failures.
        "connect.restartBudget": 100,
        ...settings,
      });
    return new FaultPipeline(exchange, servers, names, make);
  }

  get pipeline(): TestPipeline {
    return this.#pipeline;
  }

  get store(): CassandraTruth {
    return this.#store;
  }

  /** Starts and waits for the end that is expected: what it printed. */
  async refusedStart(): Promise<string> {
    await assert.rejects(this.#pipeline.start(1));
    const { process } = this.#pipeline;
    const { code } = await process.stopped(120_000);
    assert.notEqual(code, 0, process.tail);
    return process.lines.join("\n");
  }

  /** Starts, follows every symbol, and notes from where on the store must be complete. */
  async follow(): Promise<void> {
    await this.#pipeline.start(180_000);
    this.#store = await CassandraTruth.connect(this.#servers.cassandra, this.names.keyspace, {
      explain: () => this.#pipeline.process.tail,
    });
    // Books are stored from their first change on.
    await this.exchange.run(1500);
    await followedIn(this.#store, SYMBOLS.length);
    this.#firstIds = await nextTradeIds(this.exchange, SYMBOLS);
    this.#from = (await this.exchange.get<{ now: number }>("/admin/state")).now;
  }

  /** Stops the pipeline and starts it with other settings. */
  async restart(settings: Record<string, unknown>): Promise<void> {
    await this.#pipeline.process.stop();
    this.#pipeline = this.#make(settings);
    await this.#pipeline.start(180_000);
  }

  /** Connection as the database's owner. */
  owner(): Promise<pg.Client & AsyncDisposable> {
    return superuserOf(this.#pipeline);
  }

  /** Lets the market run, in the background of what follows. */
  async load(): Promise<void> {
    await this.exchange.post("/admin/resume");
  }

  /** Lets so many trades happen, and the market stand then; they may not be stored yet. */
  async told(trades: number): Promise<void> {
    await this.exchange.run(trades);
  }

  /** Waits until the store has so many trades more than now. */
  async storedMore(count: number): Promise<void> {
    await storedMoreIn(this.#store, SYMBOLS, {
      count,
      timeoutMs: 120_000,
      explain: async () => `${JSON.stringify(await this.stages())}\n${this.tail}`,
    });
  }

  /** Stands the market still and compares all that was told with what is stored: nothing may be missing (I3, I4, I5). */
  async equalsTruth(): Promise<void> {
    await this.exchange.post("/admin/pause");
    await drainedInto(this.exchange, this.#store, SYMBOLS, 180_000);
    await booksSettledIn(this.exchange, this.#store, SYMBOLS, 120_000);
    const compare = () =>
      compareSettled(this.exchange, this.#store, SYMBOLS, { firstIds: this.#firstIds, from: this.#from });
    let found = await compare();
    // Rows that are read again by a snapshot come beside newer ones, perhaps after the last of all.
    for (const deadline = Date.now() + 60_000; found.differences.length > 0 && Date.now() < deadline;) {
      found = await compare();
    }
    assert.deepEqual(found.differences, [], this.tail);
    assert.equal(found.books, SYMBOLS.length);
    await this.healthy();
  }

  /** Waits until every stage runs and the pipeline is ready. */
  async healthy(): Promise<void> {
    await until("every stage to run again", 240_000, async () => {
      const bad = (await this.stages()).filter(({ state }) => state !== "running");
      return bad.length === 0 && (await this.checks()).every(({ ok }) => ok) || undefined;
    }, async () => `${JSON.stringify([await this.stages(), await this.checks()])}\n${this.tail}`);
  }

  async stages(): Promise<Stage[]> {
    return (await this.#pipeline.get<{ stages: Stage[] }>("pipeline")).stages;
  }

  /** A figure of a stage. */
  async figure(id: string, label: string): Promise<number | undefined> {
    const stage = (await this.stages()).find((stage) => stage.id === id);
    return stage?.figures.find((figure) => figure.label === label)?.value;
  }

  /** The conditions of `/readyz`. */
  async checks(): Promise<Readiness["checks"]> {
    const response = await fetch(`${this.#pipeline.url}/readyz`, { signal: AbortSignal.timeout(30_000) });
    return (await response.json() as Readiness).checks;
  }

  /** Waits until `GET pipeline` says so of a stage. */
  async shows(id: string, state: RegExp, detail: RegExp): Promise<void> {
    let last: Stage | undefined;
    const seen = new Set<string>();
    await until(`stage ${id} to be ${state} with ${detail}`, 90_000, async () => {
      last = (await this.stages()).find((stage) => stage.id === id);
      seen.add(`${last?.state}: ${last?.detail}`);
      return last !== undefined && state.test(last.state) && detail.test(last.detail) || undefined;
    }, () => `it was ${[...seen].join("\n")}\n${this.tail}`);
  }

  /** Waits until `/readyz` fails by a condition, with its reason. */
  async notReady(name: RegExp, why: RegExp): Promise<void> {
    await until(`/readyz to fail by ${name} with ${why}`, 90_000, async () => {
      const failed = (await this.checks()).filter(({ ok }) => !ok);
      return failed.some((check) => name.test(check.name) && why.test(check.why)) || undefined;
    }, async () => `${JSON.stringify(await this.checks())}\n${this.tail}`);
  }

  /** Waits until the host has said something since `since`, a count of its lines. */
  async said(pattern: RegExp, since: number): Promise<void> {
    await until(
      `the host to say ${pattern}`,
      90_000,
      () => this.lines.slice(since).some((line) => pattern.test(line)) || undefined,
      () => this.tail,
    );
  }

  async letters(): Promise<Letter[]> {
    return (await this.#pipeline.get<{ rows: Letter[] }>("dead-letters?limit=100")).rows;
  }

  /** Gives every letter up; answers how many there were. */
  async dropLetters(): Promise<number> {
    const dropped = new Set<string>();
    for (let page = await this.letters(); page.length > 0; page = await this.letters()) {
      for (const { id } of page) {
        assert.ok(!dropped.has(id), `${id} was dropped and is there again`);
        await this.#pipeline.delete(`dead-letters/${encodeURIComponent(id)}`);
        dropped.add(id);
      }
    }
    return dropped.size;
  }

  get lines(): string[] {
    return this.#pipeline.process.lines;
  }

  get tail(): string {
    return this.#pipeline.process?.tail ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const process: CommandProcess | undefined = this.#pipeline.process;
    await using ends = new AsyncDisposableStack();
    ends.defer(() => Deno.remove(dirname(this.#pipeline.dataDir), { recursive: true }));
    ends.use(this.#store as CassandraTruth | undefined);
    ends.defer(async () => void await this.exchange.process.stop());
    ends.defer(async () => void await process?.stop());
  }
}
