import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { CandlewireError } from "../../error.ts";
import type { ExchangeMarket } from "../market.ts";
import { AdminApi } from "./admin/admin_api.ts";
import { VirtualClock } from "./clock.ts";
import type { ServerConfig } from "./config.ts";
import { Connections } from "./connections.ts";
import { Emissions } from "./emissions.ts";
import { FaultBoard } from "./faults/fault_board.ts";
import { HttpServer } from "./http_server.ts";
import { WeightLimits } from "./limits.ts";
import { MarketLoop } from "./market_loop.ts";
import { RestApi } from "./rest/rest_api.ts";
import { Cadence } from "./stream/cadence.ts";
import { Hub } from "./stream/hub.ts";

/** A running exchange. `close()` ends connections and the listener; the market stays the caller's to close. */
export interface RunningExchange extends AsyncDisposable {
  /** Base address of REST and of `/admin`, such as `http://127.0.0.1:8788`. */
  readonly url: string;
  /** Base address of `/ws` and `/stream`, such as `ws://127.0.0.1:8788`. */
  readonly wsUrl: string;
  readonly port: number;
  /** Resolves when the exchange was closed; rejects when the market failed and nothing goes on. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** A market whose time is this little behind the wall's follows the wall's. */
const TIED_MS = 2000;

/** Milliseconds since 1970 with a fraction, and never backwards within a process. */
function preciseWall(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Serves a market as Binance serves its spot market: REST and WebSocket on one port. Throws
 * `exchange.port_in_use`, `exchange.address_unavailable` or `exchange.listen_failed` when it cannot listen.
 */
export async function startExchange(market: ExchangeMarket, options: ServerConfig): Promise<RunningExchange> {
  const wall = preciseWall;
  const opened = wall();
  // A market that opened at the wall's time stays with it to the ms: what opening took since is no lag.
  const tied = options.speed === 1 && opened >= market.now && opened - market.now < TIED_MS;
  const clock = new VirtualClock(market.now, options.speed, {
    wall: tied ? market.now : opened,
    paused: options.paused,
  });
  const symbols = new Set(market.symbols.map((each) => each.symbol));
  const faults = new FaultBoard(wall);
  const hub = new Hub([...symbols], faults);
  const cadence = new Cadence(hub, market);
  const emissions = new Emissions(options.emissions);
  const loop = new MarketLoop({ market, clock, hub, cadence, emissions }, { ...options, wall });
  const connections = new Connections({ hub, faults, clock }, { ...options, wall });
  hub.onTopic = (topic) => {
    cadence.begin(topic);
    if (topic.stream.kind === "aggTrade") loop.beginAggregates(topic.stream.symbol);
  };
  connections.onChange = () => loop.wake();
  faults.onLate = (session) => session.socket.flush();
  const rest = new RestApi(
    {
      market,
      now: () => clock.told(wall()),
      known: (symbol) => symbols.has(symbol),
      weightPerMinute: options.weightPerMinute,
    },
    new WeightLimits(options),
    wall,
  );
  const admin = new AdminApi({ market, clock, hub, loop, faults, connections, emissions, wall });
  const http = new HttpServer({ rest, admin, faults, weightPerMinute: options.weightPerMinute, wall });
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void http.answer(request, response);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Uint8Array) => {
    connections.upgrade(request, socket, head);
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  const ended = loop.start();
  // Who does not wait for the end still sees it in every answer; it must not end the process unasked.
  ended.catch((cause) => console.error("The exchange's market failed:", cause));
  let closing: Promise<void> | undefined;
  const close = () =>
    closing ??= (async () => {
      await loop.stop();
      admin.close();
      faults.close();
      connections.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    })();
  return {
    url: `http://${host}:${port}`,
    wsUrl: `ws://${host}:${port}`,
    port,
    ended,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What systems and Deno say of an address that is not this machine's. */
const ABSENT = new Set(["EADDRNOTAVAIL", "ENOTFOUND", "EINVAL"]);

/** Listens, or says why not and what to do. */
function listen(server: ReturnType<typeof createServer>, options: ServerConfig): Promise<void> {
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    server.once("error", (cause: Error & { code?: string }) => {
      const where = `Listen for the exchange on ${host}:${port}`;
      if (cause.code === "EADDRINUSE") {
        reject(
          new CandlewireError("exchange.port_in_use", `${where}: port ${port} is in use`, {
            retry: "operator",
            hint:
              `Stop the program that uses port ${port}, or set another port (0 lets the system choose one)`,
            cause,
          }),
        );
      } else if (ABSENT.has(cause.code ?? "")) {
        reject(
          new CandlewireError(
            "exchange.address_unavailable",
            `${where}: this machine has no address "${host}"`,
            {
              retry: "operator",
              hint: "Set host to an address of this machine, such as 127.0.0.1",
              cause,
            },
          ),
        );
      } else {
        reject(
          new CandlewireError("exchange.listen_failed", `${where}: ${cause.message}`, {
            retry: "operator",
            hint: port < 1024 ? "Ports below 1024 need rights; choose a higher one" : "See the cause",
            cause,
          }),
        );
      }
    });
    server.listen(port, host, () => resolve());
  });
}
