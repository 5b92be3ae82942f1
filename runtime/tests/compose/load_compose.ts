import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const LOADER = fileURLToPath(new URL("./loader/", import.meta.url));

/** A service as Compose resolves it: only what the tests look at. */
export type ComposeService = {
  image: string;
  user?: string;
  command?: string[] | null;
  entrypoint?: string[] | null;
  environment?: Record<string, string>;
  ports?: { host_ip?: string; published?: string; target: number }[];
  volumes?: { type: string; source: string; target: string; read_only?: boolean }[];
  tmpfs?: string[];
  networks?: Record<string, unknown>;
  depends_on?: Record<string, { condition: string; required: boolean }>;
  healthcheck?: { test?: string[]; disable?: boolean; interval?: string; timeout?: string; retries?: number };
  read_only?: boolean;
  init?: boolean;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  privileged?: boolean;
  mem_limit?: string;
  pids_limit?: number;
  restart?: string;
  stop_grace_period?: string;
  logging?: { options?: Record<string, string> };
  build?: { context: string; dockerfile?: string };
};

/** A project as Compose resolves it. */
export type ComposeProject = {
  name: string;
  services: Record<string, ComposeService>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, { name: string }>;
};

/** What is loaded, as on Compose's command line. */
export type LoadOptions = {
  files?: string[];
  envFiles?: string[];
  profiles?: string[];
  /** The caller's environment: nothing of this process's own is passed on. */
  environment?: Record<string, string>;
};

const go = await goVersion();

/** Why a test that needs Compose's own reader is skipped; for `Deno.test({ ...composeIgnore("name"), fn })`. */
export function composeIgnore(name: string): { name: string; ignore: boolean } {
  return go >= 21 ? { name, ignore: false } : {
    name: `${name} [skipped: needs Go 1.21 or newer, which builds Compose's own reader; see .ci/install_go]`,
    ignore: true,
  };
}

let built: Promise<string> | undefined;

/** Reads compose files by Compose's own library. Throws an Error with Compose's message. */
export async function loadCompose(options: LoadOptions = {}): Promise<ComposeProject> {
  const { files = ["docker-compose.yml"], envFiles = [], profiles = [], environment = {} } = options;
  built ??= buildLoader();
  const { code, stdout, stderr } = await new Deno.Command(await built, {
    args: [
      ...envFiles.flatMap((file) => ["-env", file]),
      ...profiles.flatMap((name) => ["-profile", name]),
      ...files.map((file) => join(ROOT, file)),
    ],
    cwd: ROOT,
    clearEnv: true,
    env: environment,
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr).trim());
  const { name, project } = JSON.parse(new TextDecoder().decode(stdout));
  return { ...project, name };
}

/** Built once a run; Go keeps what it compiled for the next one. Module sums are checked by go.sum. */
async function buildLoader(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-compose-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const program = join(folder, "loader");
  const { code, stderr } = await new Deno.Command("go", {
    args: ["build", "-mod=readonly", "-buildvcs=false", "-o", program, "."],
    cwd: LOADER,
  }).output();
  if (code !== 0) throw new Error(`Build Compose's reader: ${new TextDecoder().decode(stderr).trim()}`);
  return program;
}

/** The minor version of Go 1; 0 without Go. From 1.21 on it fetches a newer one by itself. */
async function goVersion(): Promise<number> {
  try {
    const { stdout } = await new Deno.Command("go", { args: ["env", "GOVERSION"], cwd: "/" }).output();
    return Number(/^go1\.(\d+)/.exec(new TextDecoder().decode(stdout))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
