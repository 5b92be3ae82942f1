import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("./", import.meta.url));
const PLUGIN = join(FOLDER, "..");

/** What each command of 10.1.10 does, recorded: a version that builds again would differ. */
const STATE: [command: string, code: number, says: RegExp][] = [
  ["plugin:create", 1, /No longer supported.*create-plugin/],
  ["plugin:build", 1, /No longer supported.*create-plugin/],
  ["plugin:sign", 1, /No longer supported.*sign-plugin/],
  // A false green: these do nothing and succeed.
  ["plugin:dev", 0, /^v10\.1\.10\s*$/],
  ["plugin:test", 0, /^v10\.1\.10\s*$/],
];

/** What npm says of a registry that cannot be reached or does not serve, its own retries included. */
const UNREACHABLE =
  /ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|code E5\d\d/;

Deno.test("@grafana/toolkit builds nothing, and two of its commands say nothing of it", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-toolkit-" });
  try {
    for (const name of ["package.json", "package-lock.json"]) {
      await Deno.copyFile(join(FOLDER, name), join(folder, name));
    }
    const installed = await run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
    if (installed.code !== 0 && UNREACHABLE.test(installed.output)) {
      await t.step({
        name: "skipped: THE REGISTRY IS NOT REACHABLE, the toolkit's state is not checked",
        ignore: true,
        fn() {},
      });
      return;
    }
    assert.equal(installed.code, 0, installed.output);
    const tool = join(folder, "node_modules", ".bin", "grafana-toolkit");
    for (const [command, code, says] of STATE) {
      const done = await run(folder, tool, command);
      assert.equal(done.code, code, `${command}: ${done.output}`);
      assert.match(done.output.trim(), says, command);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the toolkit is pinned by itself, and its command names are scripts of the plugin", async () => {
  const read = async (path: string) => JSON.parse(await Deno.readTextFile(path));
  const own = await read(join(FOLDER, "package.json"));
  assert.deepEqual(own.dependencies, { "@grafana/toolkit": "10.1.10" });
  const { scripts, dependencies, devDependencies } = await read(join(PLUGIN, "package.json"));
  for (const name of ["plugin:build", "plugin:dev", "plugin:test", "plugin:sign"]) {
    assert.ok(name in scripts, name);
    assert.ok(!/toolkit/.test(scripts[name]), `${name} calls the toolkit, which does nothing`);
  }
  assert.ok(!("@grafana/toolkit" in { ...dependencies, ...devDependencies }));
});

async function run(cwd: string, command: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd, stdin: "null" }).output();
  return { code, output: `${new TextDecoder().decode(stdout)}${new TextDecoder().decode(stderr)}` };
}
