import type { ModuleContext } from "../host/module_context.ts";
import type { ProducerParameters } from "./config.ts";
import { runProducer } from "./producer.ts";
import { Report } from "./report.ts";
import { BinanceSource } from "./source/binance.ts";
import { PostgresTables } from "./table/postgres.ts";

/** Time limit of a WebSocket handshake. */
const CONNECT_TIMEOUT_MS = 15_000;

/** The producer module: Binance's market data into PostgreSQL. */
export default async function main(context: ModuleContext): Promise<void> {
  const parameters = context.parameters as ProducerParameters;
  const report = new Report(context);
  await runProducer(context, {
    source: new BinanceSource(parameters.source.restUrl, parameters.source.wsUrl, {
      ...parameters,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      observer: report,
    }),
    tables: new PostgresTables({
      ...parameters.postgres,
      password: context.secrets.postgresPassword ?? "",
      epoch: context.epoch,
    }),
    config: parameters,
    symbols: parameters.symbols,
    report,
  });
}
