import { isSimulated } from "../../../runtime/market/origin.ts";
import { CassandraMarketQuery } from "../../../runtime/query/cassandra.ts";
import { EventStreams } from "../live/event_streams.ts";
import { ControlMarketReader } from "../source/control.ts";
import { ControlClient } from "../source/control_client.ts";
import { CqlCassandra } from "../source/cql_cassandra.ts";
import type { KnownOrigin, MarketReader, SourceName } from "../source/market_reader.ts";
import { Gate } from "./gate.ts";
import type { Settings } from "./settings.ts";

/** How long an origin that was read is taken for true, ms: a keyspace never changes it, a control API may be moved. */
const ORIGIN_MS = 60_000;
/** Queries of a data source that read at the same time. */
const AT_ONCE = 8;

/** What a data source's settings open: clients, and what is remembered between its queries. Connects when first asked. */
export class Instance implements AsyncDisposable {
  readonly settings: Settings;
  readonly control: ControlClient | undefined;
  /** The control API's event stream, shared by all channels. */
  readonly events: EventStreams | undefined;
  readonly cassandra: CassandraMarketQuery | undefined;
  readonly cql: CqlCassandra | undefined;
  readonly gate = new Gate(AT_ONCE);
  /** By channel path, the newest row that a query answered: a stream goes on behind it. */
  readonly answered = new Map<string, number>();
  readonly #origins = new Map<SourceName, { known: KnownOrigin; atMs: number }>();

  constructor(settings: Settings) {
    this.settings = settings;
    const { controlUrl, viewerToken, cassandra } = settings;
    if (controlUrl !== undefined) {
      this.control = new ControlClient(controlUrl, viewerToken);
      this.events = new EventStreams(this.control);
    }
    if (cassandra !== undefined) {
      this.cassandra = new CassandraMarketQuery(cassandra.login, cassandra.secrets);
      this.cql = new CqlCassandra(cassandra.login, cassandra.secrets);
    }
  }

  /** A reader for one request. Throws a TypeError for a source that is not configured. */
  reader(source: SourceName, signal: AbortSignal): MarketReader {
    if (source === "cassandra" && this.cassandra !== undefined) return this.cassandra;
    if (source === "control" && this.control !== undefined) {
      return new ControlMarketReader(this.control, signal);
    }
    throw new TypeError(`Read ${source}: it is not configured`);
  }

  /** Remembers what an answer told of its origin. */
  tellOrigin(source: SourceName, known: KnownOrigin): void {
    this.#origins.set(source, { known, atMs: performance.now() });
  }

  /** Whose numbers a source holds; undefined where it cannot say. */
  async originOf(source: SourceName, reader: MarketReader): Promise<KnownOrigin> {
    const told = this.#origins.get(source);
    if (told !== undefined && performance.now() - told.atMs < ORIGIN_MS) return told.known;
    let known: KnownOrigin;
    try {
      const origin = await reader.origin();
      known = { origin, simulated: isSimulated(origin) };
    } catch {
      // A keyspace of somebody else's has no origin; whether it can be read is told by the query itself.
      return undefined;
    }
    this.tellOrigin(source, known);
    return known;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cql?.[Symbol.asyncDispose]();
    await this.cassandra?.[Symbol.asyncDispose]();
  }
}
