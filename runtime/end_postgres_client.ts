import type pg from "pg";
import { wait } from "./wait.ts";

/** How long a server may take to answer a goodbye, ms. */
const GOODBYE_MS = 2_000;

/** Ends a connection: with a goodbye where the server answers in time, by closing the socket where it does not. Never rejects. */
export async function endClient(client: pg.Client, patienceMs: number = GOODBYE_MS): Promise<void> {
  const left = new AbortController();
  const leaving = client.end().catch(() => {}).finally(() => left.abort());
  await Promise.race([leaving, wait(patienceMs, left.signal)]);
  left.abort();
  // The driver's types leave its connection out.
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}
