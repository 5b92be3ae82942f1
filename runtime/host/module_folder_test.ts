import assert from "node:assert/strict";
import { join } from "node:path";
import { ONE_TRADE, openHost, until } from "../tests/fault/host_fixture.ts";

const transform = (suffix: string) =>
  `export default { tables: ["recent_trades"], apply: (row) => ({ ...row, quantity: "${suffix}" }) };\n`;

type Answer = { outcomes: [number, unknown[]][] };

Deno.test("a transform file is loaded, replaced and removed while its neighbour runs on", async () => {
  await using fixture = await openHost({ config: { approve: "all" } });
  const { host, transformsFolder } = fixture;
  const quantity = async (name: string) =>
    ((await host.call(name, "apply", ONE_TRADE)) as Answer).outcomes[0]![1][3];
  // No rescan here: the folder is watched.
  await Deno.writeTextFile(join(transformsFolder, "one.ts"), transform("1"));
  await Deno.writeTextFile(join(transformsFolder, "two.ts"), transform("2"));
  await until("both to run", () => ["one", "two"].every((name) => host.module(name)?.state === "running"));
  assert.deepEqual([await quantity("one"), await quantity("two")], ["1", "2"]);
  assert.deepEqual(host.transforms(), [
    { name: "one", tables: ["recent_trades"] },
    { name: "two", tables: ["recent_trades"] },
  ]);
  const { pid, epoch } = host.module("two")!;
  const before = host.module("one")!.digest;
  await Deno.writeTextFile(join(transformsFolder, "one.ts"), transform("1b"));
  await until(
    "the new code",
    () => host.module("one")!.digest !== before && host.module("one")!.state === "running",
  );
  assert.equal(await quantity("one"), "1b");
  assert.equal(host.module("one")!.lastExit?.cause, "stopped", "it drained");
  await Deno.remove(join(transformsFolder, "one.ts"));
  await until("its end", () => host.module("one") === undefined);
  assert.deepEqual([host.module("two")!.pid, host.module("two")!.epoch], [pid, epoch], "undisturbed");
});

Deno.test("changed code waits for approval while the approved copy goes on, also over a restart of the host", async () => {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "transforms", "one.ts");
  const quantity = async (host: { call(...args: [string, string, unknown]): Promise<unknown> }) =>
    ((await host.call("one", "apply", ONE_TRADE)) as Answer).outcomes[0]![1][3];
  {
    await using fixture = await openHost({ folder });
    const { host } = fixture;
    await Deno.writeTextFile(file, transform("1"));
    await host.rescan();
    await until("the first code", () => host.module("one")?.state === "running");
    await Deno.writeTextFile(file, transform("2"));
    await host.rescan();
    const { pendingDigest, state, detail, digest } = host.module("one")!;
    assert.ok(pendingDigest);
    assert.notEqual(pendingDigest, digest);
    assert.equal(state, "running");
    assert.match(detail, /waits for approval/);
    assert.equal(await quantity(host), "1", "the approved copy goes on");
    await assert.rejects(host.approve("one", digest), { code: "host.wrong_digest" });
  }
  {
    await using fixture = await openHost({ folder });
    const { host } = fixture;
    await until("the approved copy", () => host.module("one")?.state === "running");
    assert.equal(await quantity(host), "1");
    await host.approve("one", host.module("one")!.pendingDigest!);
    await until(
      "the new code",
      () => host.module("one")!.state === "running" && host.module("one")!.pendingDigest === null,
    );
    assert.equal(await quantity(host), "2");
    await Deno.writeTextFile(file, transform("1"));
    await host.rescan();
    await until("code that was approved before", () => host.module("one")!.state === "running");
    assert.equal(await quantity(host), "1");
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("with `none` nothing runs before an operator approves its digest", async () => {
  await using fixture = await openHost({ config: { approve: "none" } });
  const { host, transformsFolder } = fixture;
  await Deno.writeTextFile(join(transformsFolder, "one.ts"), transform("1"));
  await host.rescan();
  const { state, digest, pid } = host.module("one")!;
  assert.deepEqual([state, pid], ["awaiting_approval", null]);
  await assert.rejects(host.start("one"), { code: "host.awaiting_approval" });
  await host.approve("one", digest);
  await until("it to run", () => host.module("one")!.state === "running");
});

Deno.test("broken modules are reported with file and field, and do no harm", async () => {
  await using fixture = await openHost();
  const { host, modulesFolder, transformsFolder } = fixture;
  const broken: Record<string, [string, RegExp]> = {
    no_json: ["{", /manifest\.json/],
    bad_field: ['{"name":"x","version":"1.0.0","kind":"source","permissions":{"run":["sh"]}}', /run/],
    no_entry: ['{"name":"no_entry","version":"1.0.0","kind":"source","entry":"absent.ts"}', /absent\.ts/],
    takes_a_name: ['{"name":"good","version":"1.0.0","kind":"source"}', /name is taken/],
  };
  await Deno.writeTextFile(join(transformsFolder, "good.ts"), transform("1"));
  await Deno.writeTextFile(join(transformsFolder, "Bad Name.ts"), transform("1"));
  await host.rescan();
  for (const [name, [manifest]] of Object.entries(broken)) {
    const folder = join(modulesFolder, name);
    await Deno.mkdir(folder);
    await Deno.writeTextFile(join(folder, "main.ts"), "export default async function main() {}\n");
    await Deno.writeTextFile(join(folder, "manifest.json"), manifest);
  }
  await host.rescan();
  await until("the good one", () => host.module("good")?.state === "running");
  const problems = new Map(host.problems().map(({ path, message }) => [path, message]));
  for (const [name, [, message]] of Object.entries(broken)) {
    assert.match(problems.get(join(modulesFolder, name)) ?? "none", message);
  }
  assert.match(problems.get(join(transformsFolder, "Bad Name.ts")) ?? "none", /Bad Name/);
  assert.deepEqual(host.modules().map(({ name }) => name), ["good"]);
  // Its end does not take the module away whose name it wanted.
  await Deno.remove(join(modulesFolder, "takes_a_name"), { recursive: true });
  await host.rescan();
  assert.equal(host.module("good")!.state, "running");
});

Deno.test("code that becomes broken leaves the approved copy running and says so", async () => {
  await using fixture = await openHost({ config: { approve: "all" } });
  const { host, transformsFolder } = fixture;
  await Deno.writeTextFile(join(transformsFolder, "one.ts"), transform("1"));
  await host.rescan();
  await until("it to run", () => host.module("one")?.state === "running");
  await Deno.writeTextFile(join(transformsFolder, "one.ts"), "export default {{{");
  await host.rescan();
  assert.equal(host.problems().length, 1);
  assert.equal(host.module("one")!.state, "running");
  await Deno.writeTextFile(join(transformsFolder, "one.ts"), transform("2"));
  await host.rescan();
  assert.equal(host.problems().length, 0);
});

Deno.test("staged copies that nothing runs are removed, and nothing else", async () => {
  await using fixture = await openHost({ config: { approve: "all" } });
  const { host, folder, transformsFolder } = fixture;
  const staged = join(folder, "data", "staged");
  await Deno.mkdir(join(staged, "not-ours"), { recursive: true });
  for (const version of ["1", "2", "3"]) {
    await Deno.writeTextFile(join(transformsFolder, "one.ts"), transform(version));
    await host.rescan();
    await until("it to run", () => host.module("one")?.state === "running");
  }
  const names = (await Array.fromAsync(Deno.readDir(staged))).map(({ name }) => name).sort();
  assert.deepEqual(names, [host.module("one")!.digest, "not-ours"].sort());
});
