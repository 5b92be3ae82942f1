import type { Origin } from "../../../runtime/market/origin.ts";
import type { Book, MarketQuery, Page, RangeQuery } from "../../../runtime/query/market_query.ts";
import { CandlewireError } from "../../../runtime/error.ts";
import type { ControlClient, Stamp } from "./control_client.ts";
import type { MarketReader } from "./market_reader.ts";

/** Lists of the API that are no tables are cut to so many rows a page. */
const LIST_LIMIT = 500;
const ROWS_LIMIT = 5000;

/**
 * {@linkcode MarketReader} over the control API's `GET` routes, for one request: `signal` ends all it asks. Rows are the
 * store's own, money is exact text.
 */
export class ControlMarketReader implements MarketReader {
  readonly #client: ControlClient;
  readonly #signal: AbortSignal;
  #stamp: Stamp | undefined;

  constructor(client: ControlClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** As the last answer told, else asked for. */
  async origin(): Promise<Origin> {
    this.#stamp ??= await this.#client.get("alerts", { limit: 1 }, this.#signal);
    return this.#stamp.origin;
  }

  tickers: MarketReader["tickers"] = ({ limit, orderBy, cursor }) =>
    this.#page("market/tickers", { limit: Math.min(limit, ROWS_LIMIT), orderBy, cursor });

  prices: MarketReader["prices"] = (query) => this.#range("market/prices", query);
  klines: MarketReader["klines"] = (query) => this.#range("market/klines", query);
  trades: MarketReader["trades"] = (query) => this.#range("market/trades", query);
  aggregates: MarketReader["aggregates"] = (query) =>
    this.#range("market/aggregates", query, { window: query.window });

  async book(symbol: string): Promise<Book | undefined> {
    const page = await this.#page<Book>("market/order-book", { symbol, limit: ROWS_LIMIT });
    return page.rows[0];
  }

  completeness: MarketReader["completeness"] = ({ symbol, limit, cursor }) =>
    this.#page("completeness", { symbol, limit: Math.min(limit, ROWS_LIMIT), cursor });

  deadLetters: MarketReader["deadLetters"] = ({ limit, cursor, code, topic }) =>
    this.#page("dead-letters", { limit: Math.min(limit, LIST_LIMIT), cursor, code, topic });

  alerts: MarketReader["alerts"] = ({ limit, cursor }: Parameters<MarketQuery["alerts"]>[0]) =>
    this.#page("alerts", { limit: Math.min(limit, LIST_LIMIT), cursor });

  #range<Row>(path: string, query: RangeQuery, more: Record<string, string> = {}): Promise<Page<Row>> {
    const { symbol, from, to, limit, cursor, order } = query;
    return this.#page(path, { symbol, from, to, limit: Math.min(limit, ROWS_LIMIT), cursor, order, ...more });
  }

  async #page<Row>(
    path: string,
    parameters: Record<string, string | number | undefined>,
  ): Promise<Page<Row>> {
    const page = await this.#client.get<Page<Row>>(path, parameters, this.#signal);
    if (!Array.isArray(page.rows) || !(page.next === null || typeof page.next === "string")) {
      throw new CandlewireError(
        "query.failed",
        `Ask the control API at ${this.#client.url}: ${path} is no page of rows`,
        {
          retry: "operator",
          hint: "Check that the host and the plugin are of the same version",
        },
      );
    }
    this.#stamp = { origin: page.origin, simulated: page.simulated };
    return page;
  }
}
