/**
 * `deno task test [--full] [filter…]`: every test that this machine can run, one `deno test` a folder, so that what one
 * folder leaves behind cannot help another. Ends with `N passed, N failed, N skipped`.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: { full: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
  allowPositionals: true,
});
if (values.help) {
  console.log(`deno task test [--full] [folder or file …]

  --full   every seeded fault point (ten a victim) instead of two
  CANDLEWIRE_SEED=N repeats the choices of a run that printed "seed N"`);
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
  "runtime/tests/repository",
  "runtime/tests/fault",
  "runtime/tests/integration",
  "runtime/tests/browser",
];
const parts = positionals.length > 0
  ? positionals
  : PARTS.filter((part) => part.includes("*") || holdsTests(part));
const reports = await Deno.makeTempDir({ prefix: "candlewire-tests-" });
const total = { passed: 0, failed: 0, skipped: 0 };
const notes: string[] = [];

for (const [index, part] of parts.entries()) {
  console.log(`\n=== ${part} (${index + 1} of ${parts.length})`);
  const report = join(reports, `${index}.xml`);
  const started = performance.now();
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--frozen", `--junit-path=${report}`, part],
    cwd: root,
    env: values.full ? { CANDLEWIRE_FULL: "1" } : {},
  }).spawn().status;
  const counts = await readReport(report);
  if (code !== 0 && counts.failed === 0) {
    counts.failed = 1;
    notes.push(`FAILED ${part}: deno test ended with ${code}`);
  }
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  console.log(`=== ${part}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
await Deno.remove(reports, { recursive: true });
for (const note of notes) console.log(note);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
Deno.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);

function holdsTests(folder: string): boolean {
  try {
    return [...Deno.readDirSync(join(root, folder))].some((entry) =>
      entry.name.endsWith("_test.ts") || (entry.isDirectory && holdsTests(join(folder, entry.name)))
    );
  } catch {
    return false;
  }
}

/** Counts of a JUnit report: test cases, steps included. */
async function readReport(path: string): Promise<{ passed: number; failed: number; skipped: number }> {
  const xml = await Deno.readTextFile(path).catch(() => "");
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, head = "", body = ""] of xml.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const name = /name="([^"]*)"/.exec(head)?.[1] ?? "?";
    if (body.includes("<failure") || body.includes("<error")) {
      counts.failed++;
      notes.push(`FAILED ${name}`);
    } else if (body.includes("<skipped")) {
      counts.skipped++;
      notes.push(`skipped ${name}`);
    } else counts.passed++;
  }
  return counts;
}
