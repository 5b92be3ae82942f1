import { createHash, randomBytes } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { CandlewireError, errorText, ignoreMissing } from "../error.ts";
import { prepareBinaries } from "./binaries.ts";
import { freePort, portIsFree } from "./port.ts";

/** How to reach a PostgreSQL server as its owner. */
export type PostgresEndpoint = {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
};

/** A running embedded server. `stop` ends it cleanly; without it, it outlives this process and is adopted later. */
export type PostgresServer = PostgresEndpoint & {
  readonly pid: number;
  /** True when it was already running: it survived the process that started it. */
  readonly adopted: boolean;
  readonly version: string;
  readonly folder: string;
  readonly logFile: string;
  stop(): Promise<void>;
};

/** Options of {@linkcode startPostgres}. */
export type StartPostgresOptions = {
  /** Holds the cluster's data, its log and its credentials; made when missing. */
  folder: string;
  /** 0 takes a free one, kept for later starts. */
  port: number;
  binariesFolder?: string;
  /** WAL that a slot may hold back before it is given up, MB (I10). */
  slotWalLimitMb?: number;
  print?: (line: string) => void;
};

type Credentials = { port: number; password: string };

const DATABASE = "candlewire";
const USER = "candlewire";

/**
 * Starts PostgreSQL from npm's binaries, or adopts the one that already runs on this folder. Works as root, too:
 * PostgreSQL refuses root, so it then runs as `nobody`, on a folder that `nobody` can reach. Listens on loopback only,
 * with a generated password (scram-sha-256) in `<folder>/credentials.json`, mode 0600.
 *
 * Rejects with `postgres.port_in_use`, `postgres.version_mismatch`, `postgres.credentials_missing`, `postgres.folder`,
 * `postgres.start_failed` (with the log's last lines).
 */
export async function startPostgres(options: StartPostgresOptions): Promise<PostgresServer> {
  const print = options.print ?? (() => {});
  const owner = await serverUser();
  const folder = await reachableFolder(resolve(options.folder), owner, print);
  const dataFolder = join(folder, "data");
  const logFile = join(folder, "postgres.log");
  const binaries = await prepareBinaries(options.binariesFolder);
  const run = (program: string, args: string[]) =>
    new Deno.Command(join(binaries.bin, program), {
      args,
      cwd: folder,
      clearEnv: true,
      env: { LC_ALL: "C.UTF-8", TZ: "UTC" },
      stdin: "null",
      // pg_ctl's child keeps a pipe open, so output goes to files that the caller reads.
      stdout: program === "initdb" ? "piped" : "null",
      stderr: program === "initdb" ? "piped" : "null",
      ...owner,
    }).output();

  let credentials = await readCredentials(folder);
  if (credentials === undefined && await hasCluster(dataFolder)) {
    // Whatever became of the password, the rows are the source of truth: they are not made room of.
    throw new CandlewireError(
      "postgres.credentials_missing",
      `Open the PostgreSQL cluster in ${folder}: credentials.json, which holds its password, is not there`,
      {
        retry: "operator",
        hint: `Restore ${join(folder, "credentials.json")}, or use another --data-dir`,
      },
    );
  }
  if (credentials !== undefined) await checkVersion(dataFolder, binaries.version, folder);
  const runningPid = await postmasterPid(dataFolder);
  if (credentials !== undefined && runningPid !== undefined) {
    print(`PostgreSQL ${binaries.version} is already running (process ${runningPid}): adopted`);
    return server(credentials, runningPid, true);
  }

  const port = options.port !== 0 ? options.port : credentials?.port ?? freePort();
  if (!portIsFree(port)) {
    throw new CandlewireError(
      "postgres.port_in_use",
      `Start PostgreSQL on port ${port}: the port is in use`,
      {
        retry: "operator",
        hint: "Stop what listens there, or set postgres.port (0 takes a free one)",
      },
    );
  }
  const made = await hasCluster(dataFolder);
  credentials = { password: randomBytes(24).toString("base64url"), ...credentials, port };
  if (!made) {
    print(`Creating a PostgreSQL cluster in ${folder}`);
    await initCluster(credentials);
  }
  await writeSecret(join(folder, "credentials.json"), JSON.stringify(credentials));
  // Last: a cluster under its name is whole, and its password is known.
  if (!made) await Deno.rename(`${dataFolder}.new`, dataFolder);
  await Deno.writeTextFile(
    join(dataFolder, "candlewire.conf"),
    settings(port, options.slotWalLimitMb ?? 4096),
  );
  await own(join(dataFolder, "candlewire.conf"), owner);

  const start = () => run("pg_ctl", ["-D", dataFolder, "-l", logFile, "-w", "-t", "60", "start"]);
  let started = await start();
  // After kill -9 of the postmaster its backends hold shared memory for a moment, and a new one refuses to start.
  for (let attempt = 0; !started.success && attempt < 20; attempt++) {
    if (!(await lastLines(logFile, 8)).includes("shared memory block")) break;
    await new Promise((resolve) => setTimeout(resolve, 250));
    started = await start();
  }
  const pid = await postmasterPid(dataFolder);
  if (!started.success || pid === undefined) {
    throw new CandlewireError(
      "postgres.start_failed",
      `Start PostgreSQL in ${folder}: pg_ctl ended with ${started.code}`,
      {
        retry: "operator",
        hint: `Last lines of ${logFile}: ${await lastLines(logFile, 8)}`,
      },
    );
  }
  return server(credentials, pid, false);

  function server(known: Credentials, pid: number, adopted: boolean): PostgresServer {
    return {
      host: "127.0.0.1",
      port: known.port,
      database: DATABASE,
      user: USER,
      password: known.password,
      pid,
      adopted,
      version: binaries.version,
      folder,
      logFile,
      async stop() {
        await run("pg_ctl", ["-D", dataFolder, "-m", "fast", "-w", "-t", "60", "stop"]);
      },
    };
  }

  async function initCluster(known: Credentials): Promise<void> {
    const draft = `${dataFolder}.new`;
    // One whose creation was cut off: nothing can be in it.
    await Deno.remove(draft, { recursive: true }).catch(ignoreMissing);
    const passwordFile = join(folder, "initial-password");
    await writeSecret(passwordFile, known.password);
    await own(passwordFile, owner);
    try {
      const made = await run("initdb", [
        `--pgdata=${draft}`,
        `--username=${USER}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--data-checksums",
      ]);
      if (!made.success) {
        throw new CandlewireError("postgres.init_failed", `Create a PostgreSQL cluster in ${folder}`, {
          retry: "operator",
          hint: new TextDecoder().decode(made.stderr).trim().split("\n").slice(-4).join(" "),
        });
      }
    } finally {
      await Deno.remove(passwordFile);
    }
    await Deno.writeTextFile(join(draft, "postgresql.conf"), "\ninclude 'candlewire.conf'\n", {
      append: true,
    });
  }
}

/** Settings that the pipeline relies on; see FACTS on why commits stay synchronous. */
function settings(port: number, slotWalLimitMb: number): string {
  return [
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    "wal_level = logical",
    "max_wal_senders = 10",
    "max_replication_slots = 10",
    `max_slot_wal_keep_size = ${slotWalLimitMb}MB`,
    "synchronous_commit = on",
    "wal_sender_timeout = 60s",
    "max_connections = 50",
    "shared_buffers = 128MB",
    "max_wal_size = 2GB",
    "checkpoint_timeout = 5min",
    "wal_compression = pglz",
    "password_encryption = scram-sha-256",
    "timezone = 'UTC'",
    // The log is bounded (I10): one file a weekday, truncated when its day comes again or at 16 MB.
    "logging_collector = on",
    "log_directory = '../log'",
    "log_filename = 'postgres-%a.log'",
    "log_rotation_age = 1d",
    "log_rotation_size = 16MB",
    "log_truncate_on_rotation = on",
    "log_min_messages = warning",
    "",
  ].join("\n");
}

/** Who runs the server: root hands it to `nobody`, everyone else runs it themselves. */
async function serverUser(): Promise<{ uid?: number; gid?: number }> {
  if (Deno.uid() !== 0) return {};
  const line = (await Deno.readTextFile("/etc/passwd")).split("\n").find((entry) =>
    entry.startsWith("nobody:")
  );
  const [, , uid, gid] = line?.split(":") ?? [];
  if (uid === undefined || gid === undefined) {
    throw new CandlewireError(
      "postgres.no_user",
      "Start PostgreSQL as root: it refuses root, and /etc/passwd has no nobody",
      {
        retry: "operator",
        hint: "Run as an ordinary user, or give a server by postgres.url",
      },
    );
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** The folder itself, or, where the server's user cannot reach it (such as below /root), one under /var/lib. */
async function reachableFolder(
  wanted: string,
  owner: { uid?: number; gid?: number },
  print: (line: string) => void,
): Promise<string> {
  let folder = wanted;
  try {
    await Deno.mkdir(wanted, { recursive: true });
    if (owner.uid !== undefined && !await everyoneMayPass(wanted)) {
      folder = join("/var/lib/candlewire", createHash("sha256").update(wanted).digest("hex").slice(0, 16));
      await Deno.mkdir(folder, { recursive: true });
      print(`PostgreSQL runs as another user, who cannot reach ${wanted}: its files are in ${folder}`);
      await Deno.writeTextFile(join(wanted, "moved-to"), `${folder}\n`);
    }
    await Deno.mkdir(join(folder, "log"), { recursive: true });
    await own(folder, owner);
    await own(join(folder, "log"), owner);
  } catch (error) {
    throw new CandlewireError("postgres.folder", `Make the folder ${wanted}: ${errorText(error)}`, {
      retry: "operator",
      hint: "Choose a writable folder with --data-dir",
      cause: error,
    });
  }
  return folder;
}

async function everyoneMayPass(path: string): Promise<boolean> {
  for (let at = dirname(path);; at = dirname(at)) {
    if (((await Deno.stat(at)).mode ?? 0o1) % 2 === 0) return false;
    if (at === dirname(at)) return true;
  }
}

async function own(path: string, owner: { uid?: number; gid?: number }): Promise<void> {
  if (owner.uid !== undefined) await Deno.chown(path, owner.uid, owner.gid!);
}

async function writeSecret(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
}

async function readCredentials(folder: string): Promise<Credentials | undefined> {
  const text = await Deno.readTextFile(join(folder, "credentials.json")).catch(ignoreMissing);
  return text === undefined ? undefined : JSON.parse(text);
}

async function hasCluster(dataFolder: string): Promise<boolean> {
  return await Deno.stat(dataFolder).then(() => true, ignoreMissing) ?? false;
}

async function checkVersion(dataFolder: string, version: string, folder: string): Promise<void> {
  const found = (await Deno.readTextFile(join(dataFolder, "PG_VERSION")).catch(ignoreMissing))?.trim();
  if (found === undefined || version.startsWith(`${found}.`)) return;
  throw new CandlewireError(
    "postgres.version_mismatch",
    `Open the PostgreSQL cluster in ${folder}: it was made by version ${found}, the binaries are ${version}`,
    { retry: "operator", hint: "Use another --data-dir, or dump and restore with the old version" },
  );
}

/** The running postmaster of a data folder; undefined when there is none (a stale file does not count). */
async function postmasterPid(dataFolder: string): Promise<number | undefined> {
  const text = await Deno.readTextFile(join(dataFolder, "postmaster.pid")).catch(ignoreMissing);
  const pid = Number(text?.split("\n")[0]);
  if (text === undefined || !Number.isInteger(pid) || pid <= 0) return undefined;
  if (Deno.build.os === "linux") {
    // A process number may have been given to another program meanwhile.
    const command = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(ignoreMissing);
    return command?.includes(dataFolder) ? pid : undefined;
  }
  return new Deno.Command("kill", { args: ["-0", `${pid}`], stderr: "null" }).outputSync().success
    ? pid
    : undefined;
}

async function lastLines(file: string, count: number): Promise<string> {
  const text = await Deno.readTextFile(file).catch(ignoreMissing);
  return text?.trim().split("\n").slice(-count).join(" | ") ?? "(no log)";
}
