import { CandlewireError, errorText } from "../error.ts";
import {
  type PostgresEndpoint,
  type PostgresServer,
  startPostgres,
  type StartPostgresOptions,
} from "./server.ts";

/** What the pipeline picture says of the server. */
export type PostgresState = {
  health: "running" | "restarting" | "stopped";
  detail: string;
  pid: number | null;
  restarts: number;
};

/** An embedded server that is started again when it dies. */
export type KeptPostgres = {
  readonly endpoint: PostgresEndpoint;
  /** Where its files are. */
  readonly folder: string;
  state(): PostgresState;
  /** Stops watching, then stops the server cleanly. */
  stop(): Promise<void>;
};

/** How often the server's process is looked for, ms. */
const WATCH_MS = 250;
/** Longest wait between two attempts to start, ms. */
const MOST_WAIT_MS = 15_000;

/**
 * Starts PostgreSQL and starts it again whenever its process is gone, waiting longer after each failure. It keeps its
 * port, so that modules only have to connect again.
 */
export async function keepPostgres(
  options: StartPostgresOptions & { report: (level: "info" | "warn", message: string) => void },
): Promise<KeptPostgres> {
  let server: PostgresServer | undefined = await startPostgres(options);
  const endpoint: PostgresEndpoint = server;
  const { port, folder } = server;
  const stopped = Promise.withResolvers<void>();
  let stopping = false;
  let restarts = 0;
  let detail = server.adopted ? "adopted: it survived its host" : "";

  const watching = (async () => {
    let waitMs = WATCH_MS;
    while (!stopping) {
      await Promise.race([stopped.promise, new Promise((resolve) => setTimeout(resolve, waitMs))]);
      if (stopping) return;
      if (server !== undefined && isAlive(server.pid)) {
        waitMs = WATCH_MS;
        continue;
      }
      if (server !== undefined) {
        options.report("warn", `PostgreSQL (process ${server.pid}) is gone: starting it again`);
      }
      server = undefined;
      try {
        server = await startPostgres({ ...options, port });
        restarts++;
        detail = `started again ${restarts} time${restarts === 1 ? "" : "s"}`;
        waitMs = WATCH_MS;
        options.report("info", `PostgreSQL runs again (process ${server.pid})`);
      } catch (error) {
        detail = error instanceof CandlewireError && error.hint
          ? `${errorText(error)}. ${error.hint}`
          : errorText(error);
        waitMs = Math.min(waitMs * 2, MOST_WAIT_MS);
        options.report("warn", `Start PostgreSQL again: ${detail}`);
      }
    }
  })();

  return {
    endpoint,
    folder,
    state: () => ({
      health: stopping ? "stopped" : server === undefined ? "restarting" : "running",
      detail,
      pid: server?.pid ?? null,
      restarts,
    }),
    async stop() {
      stopping = true;
      stopped.resolve();
      await watching;
      await server?.stop();
    },
  };
}

function isAlive(pid: number): boolean {
  if (Deno.build.os === "linux") {
    try {
      // A zombie is no server; its state letter follows the name in parentheses.
      return !/\) Z /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
    } catch {
      return false;
    }
  }
  return new Deno.Command("kill", { args: ["-0", `${pid}`], stderr: "null" }).outputSync().success;
}
