/**
 * `deno task test [--full] [filter…]`: every test that this machine can run, one `deno test` a folder, so that what one
 * folder leaves behind cannot help another. Each has a process group and a temporary folder of its own: what it leaves running is
 * ended, also when it is interrupted. The folders whose tests need the real servers get one stack together, started before
 * the first of them. Ends with `N passed, N failed, N skipped`.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CandlewireError, errorText } from "../error.ts";
import { untilAborted } from "../wait.ts";
import { endLeft } from "./end_left.ts";
import { readTestReport } from "./junit_report.ts";
import { missingTool, type OwnStack, startTestStack } from "./start_test_stack.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: { full: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
  allowPositionals: true,
});
if (values.help) {
  console.log(`deno task test [--full] [folder or file …]

  --full   every seeded fault point (ten a victim) instead of two
  CANDLEWIRE_SEED=N repeats the choices of a run that printed "seed N"
  CANDLEWIRE_TEST_STACK=JSON gives servers that run already (see runtime/tests/test_stack.ts)`);
  Deno.exit(0);
}

const root = fileURLToPath(new URL("../../", import.meta.url));
/** In the order of the data's way, slow whole-pipeline tests last. */
const PARTS = [
  "runtime/*_test.ts",
  "runtime/lint",
  "runtime/market",
  "runtime/change",
  "runtime/host",
  "runtime/exchange",
  "runtime/postgres",
  "runtime/stack",
  "runtime/kafka",
  "runtime/cassandra",
  "runtime/connect",
  "runtime/producer",
  "runtime/capture",
  "runtime/consumer",
  "runtime/query",
  "runtime/control",
  "runtime/tests/*_test.ts",
  "runtime/tests/parity",
  "runtime/tests/repository",
  "runtime/tests/compose",
  "grafana-plugin/tools",
  "grafana-plugin/toolkit",
  "grafana-plugin/preview",
  "grafana-plugin/tests/model",
  "grafana-plugin/tests/panels",
  "grafana-plugin/dashboards",
  "grafana-plugin/backend",
  "grafana-plugin/bench",
  "runtime/tests/fault",
  "runtime/tests/integration",
  "runtime/tests/cluster",
  "runtime/tests/browser",
  "grafana-plugin/tests/browser",
];
const parts = positionals.length > 0
  ? positionals
  : PARTS.filter((part) => part.includes("*") || holdsTests(part));
const reports = await Deno.makeTempDir({ prefix: "candlewire-tests-" });
// PostgreSQL runs as another user when the tests run as root.
await Deno.chmod(reports, 0o755);
const total = { passed: 0, failed: 0, skipped: 0 };
const notes: string[] = [];

/** A folder whose tests hang is ended, so that the others still run and the report is printed, ms. */
const PART_MS = (values.full ? 180 : 45) * 60_000;
/** Ends a run that is interrupted in order: the servers outlive their starter. */
const interrupted = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(name, () => interrupted.abort());
}
/** What a test file imports when it uses the servers of the run: the file that tells of them, or one of ours that does so. */
const stackImports = [
  "test_stack.ts",
  ...[...Deno.readDirSync(join(root, "runtime/tests"))].map(({ name }) => name).filter((name) =>
    /(?<!^run|^start_test_stack|_test)\.ts$/.test(name) &&
    imports(join(root, "runtime/tests", name), ["test_stack.ts"])
  ),
];
const needsStack = parts.map((part) => part.includes("*") ? false : usesStack(join(root, part)));
const servers: { stack?: OwnStack; env: Record<string, string> } = { env: {} };

for (const [index, part] of parts.entries()) {
  if (interrupted.signal.aborted) break;
  console.log(`\n=== ${part} (${index + 1} of ${parts.length})`);
  const report = join(reports, `${index}.xml`);
  if (needsStack[index]) await startServers();
  if (interrupted.signal.aborted) break;
  const started = performance.now();
  const limit = AbortSignal.timeout(PART_MS);
  const temporary = join(reports, `part-${index}-`);
  await Deno.mkdir(temporary, { mode: 0o755 });
  const tests = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--frozen", ...npmStyle(part), `--junit-path=${report}`, part],
    cwd: root,
    env: { ...servers.env, ...(values.full ? { CANDLEWIRE_FULL: "1" } : {}), TMPDIR: temporary },
    // A process group of its own.
    detached: true,
  }).spawn();
  await Promise.race([tests.status, untilAborted(AbortSignal.any([interrupted.signal, limit]))]);
  for (const command of await endLeft(tests.pid, temporary)) {
    console.log(`=== Ended what was left running: ${command.slice(0, 200)}`);
  }
  const { code } = await tests.status;
  await Deno.remove(temporary, { recursive: true }).catch(() => {});
  const counts = readTestReport(await Deno.readTextFile(report).catch(() => ""));
  notes.push(...counts.notes);
  if (code !== 0 && counts.failed === 0) {
    counts.failed = 1;
    notes.push(
      `FAILED ${part}: deno test ended with ${code}${
        limit.aborted ? `, after ${PART_MS / 60_000} minutes` : ""
      }`,
    );
  }
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  console.log(`=== ${part}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (!needsStack.includes(true, index + 1)) await stopServers();
}
await stopServers();
if (interrupted.signal.aborted) {
  total.failed++;
  notes.push("FAILED: interrupted");
}
await Deno.remove(reports, { recursive: true });
for (const note of notes) console.log(note);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
Deno.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);

/** Starts the servers unless they run, or the environment names some, or a folder before found that there can be none. */
async function startServers(): Promise<void> {
  if (Object.keys(servers.env).length > 0 || Deno.env.get("CANDLEWIRE_TEST_STACK")) return;
  console.log("Starting the real servers for the tests that need them");
  try {
    servers.stack = await startTestStack({ print: console.log, signal: interrupted.signal });
    servers.env = { CANDLEWIRE_TEST_STACK: JSON.stringify(servers.stack.testStack) };
  } catch (error) {
    if (interrupted.signal.aborted) return;
    const lacking = missingTool(error);
    const reason = lacking ??
      `${errorText(error)} ${error instanceof CandlewireError ? error.hint ?? "" : ""}`;
    const note = `THE REAL SERVERS DO NOT RUN, their tests are skipped: ${reason}`;
    console.log(`\n${"!".repeat(80)}\n${note}\n${"!".repeat(80)}\n`);
    notes.push(note);
    // A machine may lack Java or Maven; CI installs them, and servers that cannot be started are a fault of ours.
    if (lacking === undefined || Deno.env.get("CI")) total.failed++;
    servers.env = { CANDLEWIRE_TEST_STACK_REASON: errorText(error).split("\n")[0]!.slice(0, 120) };
  }
}

async function stopServers(): Promise<void> {
  const { stack } = servers;
  if (stack === undefined) return;
  delete servers.stack;
  servers.env = {};
  await stack[Symbol.asyncDispose]();
}

/**
 * Options for tests of the plugin's frontend: its files import each other as webpack resolves them, without extensions, and
 * their types are checked by `deno task plugin check` with Grafana's own settings.
 */
function npmStyle(part: string): string[] {
  return /^grafana-plugin\/tests\/(model|panels)/.test(part) ? ["--no-check", "--sloppy-imports"] : [];
}

/** Whether a test file, or one below a folder, uses the servers of the run. */
function usesStack(path: string): boolean {
  if (path.endsWith(".ts")) return imports(path, stackImports);
  return [...Deno.readDirSync(path)].some(({ name, isDirectory }) =>
    (isDirectory || name.endsWith("_test.ts")) && usesStack(join(path, name))
  );
}

function imports(path: string, names: string[]): boolean {
  const text = Deno.readTextFileSync(path);
  return names.some((name) => text.includes(`/${name}"`));
}

function holdsTests(folder: string): boolean {
  try {
    return [...Deno.readDirSync(join(root, folder))].some((entry) =>
      entry.name.endsWith("_test.ts") || (entry.isDirectory && holdsTests(join(folder, entry.name)))
    );
  } catch {
    return false;
  }
}
