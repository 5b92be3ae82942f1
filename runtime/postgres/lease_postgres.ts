import pg from "pg";
import { errorText } from "../error.ts";
import { endClient } from "../end_postgres_client.ts";
import { untilAborted, wait } from "../wait.ts";
import type { PostgresEndpoint } from "./server.ts";

/** First half of the advisory locks' keys; the second is the hash of the lease's name. */
const LEASES = 0x6c656173;

/** Options of {@linkcode keepLease}. */
export type LeaseOptions = {
  /**
   * Called when the lease is gained; the work that must be single starts here. A rejection gives the lease back, and it
   * is asked for again. Nothing is noticed before it resolves, neither a loss nor a stop.
   */
  onHeld: () => Promise<void> | void;
  /** Called when it is lost with the connection: another host may hold it from now on, so the work must stop. */
  onLost: (why: string) => Promise<void> | void;
  report: (level: "info" | "warn", message: string) => void;
  /** Shown to other hosts as the holder. */
  holder: string;
  /** How often a lease that another host holds is asked for. */
  retryMs?: number;
  /** How often the server is asked whether it still answers; it may take three times as long. */
  checkMs?: number;
};

/** A lease that is asked for until it is held, and again after it was lost. Disposing it gives it back. */
export type Lease = AsyncDisposable & {
  readonly name: string;
  readonly held: boolean;
  /** Who holds it, as far as known; for people. */
  readonly detail: string;
};

/**
 * Keeps a lease: what must be single among several hosts (producer, capture or the connector's registrar) is done by
 * whoever holds the PostgreSQL advisory lock of that name. The lock lives with its session, so it falls with the host's
 * process, its network or the server; the server's keepalive notices a host that is gone within about ten seconds. The
 * writer's own fence (candlewire_fence, the slot's single reader) guards the moment in between.
 */
export function keepLease(endpoint: PostgresEndpoint, name: string, options: LeaseOptions): Lease {
  const { onHeld, onLost, report, holder, retryMs = 2_000, checkMs = 5_000 } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let held = false;
  let detail = "Not asked for yet";
  let told = "";

  const session = async () => {
    const client = new pg.Client({
      ...endpoint,
      application_name: `candlewire lease: ${holder}`.slice(0, 63),
      connectionTimeoutMillis: 5_000,
      query_timeout: 3 * checkMs,
      keepAlive: true,
    });
    const gone = Promise.withResolvers<string>();
    client.on("error", (error) => gone.resolve(errorText(error)));
    client.on("end", () => gone.resolve("the connection ended"));
    try {
      await client.connect();
      await client.query(
        "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3",
      );
      while (!signal.aborted) {
        const { rows } = await client.query("SELECT pg_try_advisory_lock($1, hashtext($2)) AS held", [
          LEASES,
          name,
        ]);
        if (rows[0].held) break;
        const other = await holderOf(client, name);
        const now = `Another host holds it: ${other}`;
        if (detail !== now) report("info", `Lease ${name}: ${now}; waiting`);
        detail = now;
        await wait(retryMs, signal);
      }
      if (signal.aborted) return;
      held = true;
      detail = "Held by this host";
      await onHeld();
      const over = new AbortController();
      const why = await Promise.race([
        gone.promise,
        untilAborted(signal),
        silence(client, checkMs, over.signal),
      ])
        .finally(() => over.abort());
      if (why === undefined) return;
      detail = `Lost: ${why}`;
      report("warn", `Lease ${name} is lost: ${why}`);
      held = false;
      await onLost(why);
    } finally {
      held = false;
      await endClient(client, checkMs);
    }
  };

  const running = (async () => {
    while (!signal.aborted) {
      try {
        await session();
      } catch (error) {
        const now = `Cannot be kept: ${errorText(error)}`;
        if (told !== now && !signal.aborted) report("warn", `Lease ${name}: ${now}`);
        told = detail = now;
      }
      if (!signal.aborted) await wait(retryMs, signal);
    }
  })();

  return {
    name,
    get held() {
      return held;
    },
    get detail() {
      return detail;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

/** Resolves when the server does not answer: who only listens never learns that the network is gone. */
async function silence(client: pg.Client, checkMs: number, signal: AbortSignal): Promise<string | undefined> {
  while (!signal.aborted) {
    await wait(checkMs, signal);
    if (signal.aborted) break;
    try {
      await client.query("SELECT 1");
    } catch (error) {
      return errorText(error);
    }
  }
  return undefined;
}

async function holderOf(client: pg.Client, name: string): Promise<string> {
  const { rows } = await client.query(
    `SELECT application_name, client_addr::text AS address FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND classid = $1 AND objid = (hashtext($2)::bigint & 4294967295)::oid
        AND granted LIMIT 1`,
    [LEASES, name],
  );
  const found = rows[0] as { application_name: string; address: string | null } | undefined;
  if (found === undefined) return "not known";
  return `${found.application_name.replace(/^candlewire lease: /, "")} (${found.address ?? "local"})`;
}
