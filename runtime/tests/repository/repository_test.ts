import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadTokens } from "../../control/tokens.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));

Deno.test("the fixed top level is there", () => {
  for (
    const name of [
      "runtime",
      "schema",
      "deno.json",
      "deno.lock",
      "README.md",
      "LICENSE",
      "CHANGELOG.md",
      "CONTRIBUTING.md",
    ]
  ) {
    assert.ok(Deno.statSync(join(ROOT, name)), name);
  }
});

Deno.test("each dependency is pinned and has its row in ARCHITECTURE.md", () => {
  const { imports } = JSON.parse(read("deno.json")) as { imports: Record<string, string> };
  const architecture = read("runtime/ARCHITECTURE.md");
  for (const [name, specifier] of Object.entries(imports)) {
    assert.match(
      specifier,
      /^npm:\/?(@[^/]+\/)?[^@/]+@\d+\.\d+\.\d+(-[\w.]+)?\/?$/,
      `${name} is not pinned exactly`,
    );
    if (name.endsWith("/")) continue;
    assert.ok(architecture.includes(`\`${name}\``), `${name} has no row in ARCHITECTURE.md`);
  }
});

Deno.test("README, CONTRIBUTING and CI name one version of Deno", () => {
  const versions = new Set<string>();
  for (const file of ["README.md", "CONTRIBUTING.md", ".ci/run"]) {
    for (const [, version] of read(file).matchAll(/deno@(\d+\.\d+\.\d+)/g)) versions.add(version!);
  }
  assert.equal(versions.size, 1, [...versions].join(", "));
});

Deno.test("every task that the README names exists", () => {
  const { tasks } = JSON.parse(read("deno.json")) as { tasks: Record<string, unknown> };
  for (const [, task] of read("README.md").matchAll(/deno(?:@[\d.]+)? task (\w+)/g)) {
    assert.ok(task! in tasks, task!);
  }
});

Deno.test("the README's shell line finds the viewer's token in the file that the host writes", async () => {
  const line = read("README.md").match(/^ *(token=.*)$/m)![1]!;
  const folder = await Deno.makeTempDir({ prefix: "candlewire-readme-" });
  try {
    await Deno.mkdir(join(folder, "data/demo"), { recursive: true });
    const { viewer } = await loadTokens(join(folder, "data/demo"));
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", `${line}; printf %s "$token"`],
      cwd: folder,
    }).output();
    assert.equal(new TextDecoder().decode(stdout), viewer);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("nothing is imported from the network at run time", () => {
  const bad: string[] = [];
  for (const file of sources(join(ROOT, "runtime"))) {
    const text = Deno.readTextFileSync(file);
    if (/(?:from|import\()\s*["'](?:https?|jsr):/.test(text) && !file.includes("/hostile")) bad.push(file);
  }
  assert.deepEqual(bad, []);
});

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* sources(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}
