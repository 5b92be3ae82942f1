import assert from "node:assert/strict";
import { join } from "node:path";
import { readTestReport } from "./junit_report.ts";

Deno.test("what did not pass is told with its reason, its steps too", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      join(folder, "some_test.ts"),
      `Deno.test("passes", () => {});
Deno.test({ name: "left out", ignore: true, fn: () => {} });
Deno.test("outer", async (t) => {
  await t.step("fails <here>", () => { throw new Error('Waited 5 ms for "x" & y\\n' + "first\\n".repeat(200) + "last"); });
});\n`,
    );
    const report = join(folder, "report.xml");
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-config", `--junit-path=${report}`, join(folder, "some_test.ts")],
      stdout: "null",
      stderr: "null",
    }).output();
    assert.equal(code, 1);
    const { notes, ...counts } = readTestReport(await Deno.readTextFile(report));
    assert.deepEqual(counts, { passed: 1, failed: 2, skipped: 1 });
    assert.deepEqual(notes.slice(0, 2), ["skipped left out", "FAILED outer"]);
    const lines = notes[2]!.split("\n");
    assert.equal(lines[0], "FAILED outer > fails <here>");
    assert.match(lines[1]!, /^ {4}Error: Waited 5 ms for "x" & y$/);
    assert.match(lines.slice(2).join("\n"), /\n {4}\[…\]\n[^]*\n {4}last\n/);
    assert.ok(notes[2]!.length < 1600, `${notes[2]!.length} characters`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a report that was never written is one of no test", () => {
  assert.deepEqual(readTestReport(""), { passed: 0, failed: 0, skipped: 0, notes: [] });
});
