import assert from "node:assert/strict";
import { join } from "node:path";
import { folderBytes } from "./folder_bytes.ts";

Deno.test("a folder's bytes are those of all files below it; links and what is missing count nothing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    assert.equal(await folderBytes(join(folder, "missing")), 0);
    await Deno.mkdir(join(folder, "a", "b"), { recursive: true });
    await Deno.writeFile(join(folder, "one"), new Uint8Array(10_000).fill(1));
    await Deno.writeFile(join(folder, "a", "b", "two"), new Uint8Array(20_000).fill(1));
    await Deno.symlink("/", join(folder, "a", "link"));
    // What is written need not have its blocks before it is flushed.
    for (const name of ["one", "a/b/two"]) {
      using file = await Deno.open(join(folder, name), { read: true, write: true });
      await file.sync();
    }
    const bytes = await folderBytes(folder);
    assert.ok(bytes >= 30_000 && bytes < 100_000, `${bytes}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
