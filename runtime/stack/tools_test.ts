import assert from "node:assert/strict";
import { join } from "node:path";
import { CandlewireError } from "../error.ts";
import { findJava } from "./java.ts";
import { resolveServers } from "./servers_maven.ts";
import type { StackPart } from "./settings.ts";

/** A folder with programs of the given text, to be a PATH. */
async function programs(folder: string, texts: Record<string, string>): Promise<string> {
  const path = await Deno.makeTempDir({ dir: folder });
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(join(path, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  return path;
}

const says = (version: string) => `echo 'openjdk version "${version}" 2026-01-01' >&2`;

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function rejection(work: Promise<unknown>): Promise<CandlewireError> {
  const error = await work.then(() => assert.fail("It did not reject"), (error) => error);
  assert.ok(error instanceof CandlewireError, String(error));
  return error;
}

Deno.test("takes the first Java that will do, from JAVA_HOME, PATH and the distribution's folder", () =>
  withFolder(async (folder) => {
    const new21 = await programs(folder, { java: says("21.0.2") });
    const old8 = await programs(folder, { java: says("1.8.0_392") });
    const jvms = join(folder, "jvm");
    await Deno.mkdir(join(jvms, "java-17", "bin"), { recursive: true });
    const installed = join(jvms, "java-17", "bin", "java");
    // Debian keeps files there, too.
    await Deno.writeTextFile(join(jvms, ".java-17.jinfo"), "");
    await Deno.writeTextFile(installed, `#!/bin/sh\n${says("17.0.15")}\n`, { mode: 0o755 });

    const find = (path: string, parts: StackPart[], more = {}) =>
      findJava({ path, jvmFolder: jvms, ...more }, { parts });
    assert.deepEqual(await find(new21, ["cassandra"]), { program: installed, version: "17.0.15" });
    assert.equal((await find(new21, ["kafka", "connect"])).version, "21.0.2");
    assert.equal((await find(old8, ["kafka"])).program, installed);
    assert.equal((await find(new21, ["kafka"], { javaHome: join(jvms, "java-17") })).program, installed);
  }));

Deno.test("tells of a wrong Java with its version, and of none with what to install", () =>
  withFolder(async (folder) => {
    const path = await programs(folder, { java: says("21.0.2") });
    const none = join(folder, "no such folder");
    const wrong = await rejection(findJava({ path, jvmFolder: none }, { parts: ["cassandra"] }));
    assert.equal(wrong.code, "stack.java_version");
    assert.match(wrong.message, /Java 17 .*java is 21\.0\.2/);
    const missing = await rejection(findJava({ path: none, jvmFolder: none }, { parts: ["kafka"] }));
    assert.equal(missing.code, "stack.java_missing");
    assert.match(missing.hint!, /openjdk-17-jre-headless/);
    const notOne = await programs(folder, { java: "exit 3" });
    const named = await rejection(
      findJava({ path: "", jvmFolder: none }, { program: join(notOne, "java"), parts: ["kafka"] }),
    );
    assert.match(named.message, /no Java that runs/);
  }));

Deno.test("resolves each library once, tells of Maven's progress and failure, and leaves nothing half done", () =>
  withFolder(async (folder) => {
    // Stands in for Maven: notes its calls, makes a jar where it is told to, fails as long as a file says so.
    const path = await programs(folder, {
      java: says("17.0.1"),
      mvn: `
        echo "$@" >>${folder}/calls
        for arg in "$@"; do case $arg in -DoutputDirectory=*) out=\${arg#*=};; esac; done
        mkdir -p "$out"; : >"$out/a.jar"
        if [ -e ${folder}/offline ]; then echo "[ERROR] Could not transfer artifact x"; exit 1; fi`,
    });
    const pom = join(folder, "pom.xml");
    await Deno.writeTextFile(pom, "<project/>");
    const environment = { path: `${path}:/usr/bin:/bin` };
    const lines: string[] = [];
    const resolve = (parts: StackPart[]) =>
      resolveServers({
        parts,
        cacheFolder: join(folder, "cache"),
        pom,
        java: { program: join(path, "java"), version: "17.0.1" },
        environment,
        print: (line) => void lines.push(line),
      });
    const calls = async () => (await Deno.readTextFile(join(folder, "calls"))).trim().split("\n").length;

    await Deno.writeTextFile(join(folder, "offline"), "");
    const failed = await rejection(resolve(["kafka"]));
    assert.equal(failed.code, "stack.maven_failed");
    assert.match(failed.hint!, /Could not transfer artifact x/);
    await Deno.remove(join(folder, "offline"));

    const servers = await resolve(["kafka"]);
    assert.equal(await calls(), 2);
    assert.ok(await Deno.stat(join(servers, "kafka", "a.jar")));
    assert.equal(await resolve(["kafka"]), servers);
    assert.equal(await calls(), 2);
    // Both at once: the second waits for the first and finds all done.
    await Promise.all([resolve(["connect", "cassandra"]), resolve(["connect", "cassandra"])]);
    assert.equal(await calls(), 4);
    assert.ok(lines.some((line) => /cassandra: 1 jars/.test(line)));

    // Another pom, another folder: what runs keeps its jars.
    await Deno.writeTextFile(pom, "<project></project>");
    assert.notEqual(await resolve(["kafka"]), servers);

    environment.path = join(folder, "nothing");
    await Deno.writeTextFile(pom, "<project>3</project>");
    const missing = await rejection(resolve(["kafka"]));
    assert.equal(missing.code, "stack.maven_missing");
    assert.match(missing.hint!, /apt-get install maven/);
  }));
