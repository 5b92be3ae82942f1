import assert from "node:assert/strict";
import { join } from "node:path";
import { digest } from "./package.ts";
import { folderFiles, zipFiles } from "./verify/plugin_files.ts";
import { sampleFiles, writeFiles } from "./verify/sample_plugin.ts";
import { zipFolder } from "./zip_folder.ts";

Deno.test("equal files give an equal zip; one that differs does not", async () => {
  const [first, second] = [await writeFiles(sampleFiles()), await writeFiles(sampleFiles())];
  const made = await Deno.makeTempDir();
  const zip = async (folder: string, name: string) => {
    await zipFolder(folder, join(made, name), { root: "sample", day: "2026-01-31" });
    return await digest(join(made, name));
  };
  try {
    // Times on disk differ, and are not in the zip.
    await Deno.utime(join(second, "module.js"), new Date(0), new Date(0));
    const digests = [await zip(first, "1.zip"), await zip(second, "2.zip")];
    assert.equal(digests[0], digests[1]);
    await Deno.writeTextFile(join(second, "module.js"), "other");
    assert.notEqual(await zip(second, "3.zip"), digests[0]);
    await Deno.symlink("/etc/passwd", join(second, "link"));
    await assert.rejects(() => zip(second, "4.zip"), /link: it is a symbolic link/);
  } finally {
    for (const folder of [first, second, made]) await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a zip gives back what was zipped, modes included", async () => {
  const folder = await writeFiles(sampleFiles());
  const zip = await Deno.makeTempFile({ suffix: ".zip" });
  try {
    await zipFolder(folder, zip, { root: "sample", day: "2026-01-31" });
    const [wanted, found] = [await folderFiles(folder), await zipFiles(zip, "sample")];
    assert.deepEqual(new Map([...found.modes].sort()), new Map([...wanted.modes].sort()));
    for (const path of wanted.modes.keys()) assert.equal(await found.text(path), await wanted.text(path));
    assert.deepEqual(found.problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(zip);
  }
});
