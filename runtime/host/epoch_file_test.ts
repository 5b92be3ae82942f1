import assert from "node:assert/strict";
import { join } from "node:path";
import { Approvals } from "./approvals.ts";
import { EpochFile } from "./epoch_file.ts";

Deno.test("EpochFile rises over reopening, per module, and refuses a damaged file", async () => {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "epochs.json");
  assert.deepEqual([EpochFile.open(file).next("a"), EpochFile.open(file).next("a")], [1, 2]);
  const epochs = EpochFile.open(file);
  assert.deepEqual([epochs.next("b"), epochs.next("a")], [1, 3]);
  for (const text of ["", "{", '{"a":"1"}']) {
    await Deno.writeTextFile(file, text);
    assert.throws(() => EpochFile.open(file), { code: "host.bad_epochs" });
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("an epoch is on the disk, its name too, before a module is told it", async () => {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "epochs.json");
  const epochs = EpochFile.open(file);
  const { openSync, renameSync } = Deno;
  const steps: string[] = [];
  const watched = (path: string | URL, handle: Deno.FsFile) => {
    const syncSync = handle.syncSync.bind(handle);
    handle.syncSync = () => {
      steps.push(`sync ${path}`);
      syncSync();
    };
    return handle;
  };
  Deno.openSync = (path, options) => watched(path, openSync(path, options));
  Deno.renameSync = (from, to) => {
    steps.push(`rename ${to}`);
    renameSync(from, to);
  };
  try {
    assert.equal(epochs.next("a"), 1);
  } finally {
    Object.assign(Deno, { openSync, renameSync });
  }
  assert.deepEqual(steps, [`sync ${file}.new`, `rename ${file}`, `sync ${folder}`]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("Approvals are kept, the latest last, and bounded", async () => {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "approvals.json");
  const approvals = Approvals.open(file);
  for (let i = 0; i < 30; i++) approvals.add("a", `d${i}`);
  approvals.add("a", "d20");
  const again = Approvals.open(file);
  assert.deepEqual([again.latest("a"), again.has("a", "d29"), again.has("a", "d1")], ["d20", true, false]);
  assert.deepEqual([again.knows("a"), again.knows("b")], [true, false]);
  await Deno.writeTextFile(file, "[]");
  assert.throws(() => Approvals.open(file), { code: "host.bad_approvals" });
  await Deno.remove(folder, { recursive: true });
});
