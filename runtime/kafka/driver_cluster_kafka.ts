import type { Kafka } from "kafkajs";
import { CandlewireError } from "../error.ts";

/** What every use of the driver's cluster needs; `T` adds the calls that one makes. */
type DriverCluster = { connect(): Promise<void> };

/**
 * Connects the driver's own cluster: its connections, metadata and authentication, which are behind each of kafkajs' clients.
 * The function that makes it is not among its types, so the version is pinned, and one that keeps it elsewhere is told at
 * once (`kafka.driver`). Rejects with the driver's errors.
 */
export async function connectDriverCluster<T extends DriverCluster>(
  kafka: Kafka,
  options: Record<string, unknown>,
): Promise<T> {
  const symbol = Object.getOwnPropertySymbols(kafka)
    .find(({ description }) => description === "private:Kafka:createCluster");
  const create = symbol === undefined
    ? undefined
    : (kafka as unknown as Record<symbol, (options: unknown) => T>)[symbol];
  if (create === undefined) {
    throw new CandlewireError("kafka.driver", "Open kafkajs' cluster: this version keeps it elsewhere", {
      hint: "Pin kafkajs to 2.2.4",
    });
  }
  const cluster = create.call(kafka, { allowAutoTopicCreation: false, ...options });
  await cluster.connect();
  return cluster;
}
