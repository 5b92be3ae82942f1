import type { Client } from "cassandra-driver";
import type { Position } from "../../change/record.ts";
import { connectCassandra, consistencyOf } from "../../cassandra/client_cassandra.ts";
import { cassandraError } from "../../cassandra/error_cassandra.ts";
import type { CassandraLogin, CassandraSecrets } from "../../cassandra/login.ts";
import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { Origin } from "../../market/origin.ts";
import type { TradeRow } from "../../market/table.ts";
import type { DeadLetter } from "../../query/market_query.ts";
import type { Alert } from "../transform/transform.ts";
import { CassandraBatches } from "./cassandra_batches.ts";
import { CassandraFrame } from "./cassandra_frame.ts";
import { CassandraLetters, type LetterLimits } from "./cassandra_letters.ts";
import { CassandraMinutes } from "./cassandra_minutes.ts";
import { minuteTrades, recentPrices } from "./cassandra_reads.ts";
import { CassandraRecords } from "./cassandra_records.ts";
import { CassandraRows } from "./cassandra_rows.ts";
import { CassandraSender } from "./cassandra_sender.ts";
import { CassandraSession } from "./cassandra_session.ts";
import { prepareStatements, type Statements } from "./cassandra_statements.ts";
import { CassandraTracks } from "./cassandra_tracks.ts";
import { CassandraWindows } from "./cassandra_windows.ts";
import type {
  DirtyMinute,
  MarketStore,
  Retention,
  SeenPrice,
  StoreBatch,
  StoreCapabilities,
  StoredWindow,
  SymbolFilter,
  WriteResult,
} from "./market_store.ts";
import type { Replay } from "./replay_record.ts";
import { minuteOf, WINDOW_GRACE_MS } from "./trade_runs.ts";

/** Options of {@linkcode CassandraMarketStore.open}. */
export type CassandraStoreOptions = {
  secrets?: CassandraSecrets;
  origin: Origin;
  /** This instance among those that write the keyspace: `consumer-1`. */
  writer: string;
  retention: Retention;
  deadLetters?: LetterLimits;
  /** Levels a side of each symbol's newest book that go to order_book_levels; 0 for none. Default 20. */
  levels?: number;
  log?: (level: "info" | "warn" | "error", message: string) => void;
};

const LEVELS = 20;
/** Cassandra's clock may be ahead of ours, and what is listed is read a little later. */
const EXPIRY_MARGIN_MS = 15_000;

/**
 * {@linkcode MarketStore} on Cassandra; see schema/cassandra for the tables. Any number of instances may write the same
 * keyspace: every row carries its version as its time stamp, what is merged is merged by time stamps, what must happen
 * once is done by compare-and-set, and work that two do at a rebalance is the same work (I2).
 *
 * A batch is encoded as a whole before anything is sent, so a row that cannot be encoded leaves nothing stored; what is
 * sent then may be stored in part when it fails, and is sent again (`retry`), which changes nothing that is there.
 */
export class CassandraMarketStore implements MarketStore {
  readonly capabilities: StoreCapabilities = {
    transactionalPositions: false,
    exactDecimals: false,
    dryRun: true,
    countsOutcomes: false,
    concurrentWrites: 2,
    expiresByItself: true,
  };
  readonly #client: Client;
  readonly #options: CassandraStoreOptions;
  readonly #session: CassandraSession;
  readonly #sender: CassandraSender;
  readonly #batches: CassandraBatches;
  readonly #tracks: CassandraTracks;
  readonly #minutes: CassandraMinutes;
  readonly #letters: CassandraLetters;
  readonly #records: CassandraRecords;
  readonly #windows: CassandraWindows;
  #clockUs = 0;
  #tradesReadAt = 0;

  /**
   * Connects and prepares. The keyspace must have been migrated by the host. Rejects with `store.unavailable` (`retry`),
   * `store.unauthorized`, `store.schema_missing` or `store.origin_mismatch` (`operator`).
   */
  static async open(login: CassandraLogin, options: CassandraStoreOptions): Promise<CassandraMarketStore> {
    const { secrets, log, writer } = options;
    const client = await connectCassandra(login, {
      secrets,
      log,
      owner: "store",
      applicationName: `candlewire ${writer}`,
    });
    try {
      const session = new CassandraSession(client, login);
      await checkOrigin(session, login.keyspace, options.origin);
      return new CassandraMarketStore(client, session, await prepareStatements(client), { login, options });
    } catch (cause) {
      await client.shutdown();
      throw cassandraError(`Open keyspace ${login.keyspace}`, cause, "store");
    }
  }

  private constructor(
    client: Client,
    session: CassandraSession,
    statements: Statements,
    { login, options }: { login: CassandraLogin; options: CassandraStoreOptions },
  ) {
    const { retention, writer } = options;
    const frame = new CassandraFrame();
    this.#client = client;
    this.#options = options;
    this.#session = session;
    this.#sender = new CassandraSender(client);
    this.#minutes = new CassandraMinutes(writer, () => this.#nowUs());
    this.#tracks = new CassandraTracks(frame, statements, {
      minutes: this.#minutes,
      keepMs: retention.recent_trades,
      writer,
    });
    this.#batches = new CassandraBatches(frame, {
      rows: new CassandraRows(frame, statements, { retention, levels: options.levels ?? LEVELS }),
      tracks: this.#tracks,
      levelOf: (table) => consistencyOf(login.consistency.tables[table] ?? login.consistency.write),
    });
    this.#letters = new CassandraLetters(
      session,
      options.deadLetters ?? { maxCount: 10_000, maxBytes: 64 << 20 },
    );
    this.#records = new CassandraRecords(session, retention.alerts);
    this.#windows = new CassandraWindows({
      session,
      sender: this.#sender,
      frame,
      statements,
      minutes: this.#minutes,
      retention,
    });
  }

  async write(batch: StoreBatch, options: { dryRun?: boolean } = {}): Promise<WriteResult> {
    const { changes, deadLetters, settled = [], at } = batch;
    const result: WriteResult = { applied: {}, duplicates: 0, stale: 0, tiedKept: 0, tiedReplaced: 0 };
    // Nothing is read before it is written, so every change counts as applied.
    for (const { table } of changes) result.applied[table] = (result.applied[table] ?? 0) + 1;
    if (options.dryRun) {
      this.#batches.encode(changes, at, false);
      return result;
    }
    await this.#letters.check(deadLetters);
    const mutations = this.#batches.encode(changes, at, true);
    // Another write may be encoded while this one is under way.
    const tracks = this.#tracks.take();
    // I1: resolves only when all of it is durable.
    await this.#sender.send(mutations, "Write a batch");
    this.#tracks.stored(tracks);
    // I5: the letter is durable before the position passes its record.
    await this.#letters.write(deadLetters, at);
    for (const id of settled) await this.#letters.remove(id);
    return result;
  }

  positions(): Promise<Position[]> {
    return Promise.resolve([]);
  }

  raiseAlerts(alerts: Alert[]): Promise<Alert[]> {
    return this.#records.raise(alerts, Date.now());
  }

  markDelivered(id: string): Promise<boolean> {
    return this.#records.markDelivered(id);
  }

  deadLetterRoom(): ReturnType<MarketStore["deadLetterRoom"]> {
    return this.#letters.room();
  }

  deadLetters(options: Parameters<MarketStore["deadLetters"]>[0]): Promise<DeadLetter[]> {
    return this.#letters.list(options);
  }

  dropDeadLetter(id: string): Promise<boolean> {
    return this.#letters.remove(id);
  }

  /**
   * Only minutes whose trades are all there still: windows outlive trades, and computed from what has expired meanwhile
   * they would tell of fewer.
   */
  dirtyMinutes(limit: number): Promise<DirtyMinute[]> {
    this.#tradesReadAt = this.#nowUs();
    const keep = this.#options.retention.recent_trades;
    const oldest = keep === null ? -Infinity : Date.now() - keep + EXPIRY_MARGIN_MS;
    const { read: consistency } = this.#session;
    return this.#session.do(
      "Read marked minutes",
      () => this.#minutes.list(this.#client, { limit, consistency, oldest }),
    );
  }

  minuteTrades(symbol: string, minute: EpochMs, fromId?: number): Promise<TradeRow[]> {
    return minuteTrades(this.#session, symbol, minute, fromId);
  }

  storedWindows(
    symbol: string,
    window: StoredWindow["window"],
    from: EpochMs,
    to: EpochMs,
  ): Promise<StoredWindow[]> {
    return this.#windows.stored(symbol, window, from, to);
  }

  /** The trades were read after the last call of `dirtyMinutes`, so its instant is the time stamp. */
  writeWindows(windows: StoredWindow[], done: DirtyMinute[]): Promise<void> {
    return this.#windows.write(windows, done, this.#tradesReadAt === 0 ? this.#nowUs() : this.#tradesReadAt);
  }

  recentPrices(withinMs: number, limit: number, options: SymbolFilter = {}): Promise<SeenPrice[]> {
    return recentPrices(this.#session, withinMs, { limit, ...options });
  }

  replays(): Promise<Replay[]> {
    return this.#records.replays();
  }

  saveReplay(replay: Replay): Promise<void> {
    return this.#records.saveReplay(replay);
  }

  note(name: string): Promise<string | undefined> {
    return this.#records.note(name);
  }

  saveNote(name: string, text: string): Promise<void> {
    return this.#records.saveNote(name, text);
  }

  nextRevision(): Promise<number> {
    return this.#records.nextRevision();
  }

  /** Rows expire by themselves; only the marks in memory that nobody takes are forgotten (I10). */
  prune(now: EpochMs, retention: Retention): Promise<{ removed: number; done: boolean }> {
    const keep = retention.recent_trades;
    if (keep !== null) this.#minutes.forgetBefore(minuteOf(now - keep) - WINDOW_GRACE_MS);
    return Promise.resolve({ removed: 0, done: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.shutdown();
  }

  /** What this instance is called among the writers. */
  get writer(): string {
    return this.#options.writer;
  }

  /** The clock in µs, which rises with each call. */
  #nowUs(): number {
    this.#clockUs = Math.max(this.#clockUs + 1, Date.now() * 1000);
    return this.#clockUs;
  }
}

/** I8: rows of two origins never meet in one keyspace. */
async function checkOrigin(session: CassandraSession, keyspace: string, origin: Origin): Promise<void> {
  const [stored] = await session.rows(
    "Read the origin",
    "SELECT kind, id, label FROM origin WHERE name = 'origin'",
    [],
  );
  if (stored?.kind === origin.kind && stored?.id === origin.id) return;
  throw new CandlewireError(
    stored === undefined ? "store.schema_missing" : "store.origin_mismatch",
    stored === undefined
      ? `Open keyspace ${keyspace}: it says nothing of its origin`
      : `Open keyspace ${keyspace}: it holds ${stored.kind} ${stored.id} (${stored.label}), this run is ${origin.kind} ${origin.id} (${origin.label})`,
    {
      retry: "operator",
      hint: stored === undefined
        ? "Start the host: it makes and migrates the keyspace"
        : "Name another cassandra.keyspace for this source",
    },
  );
}
