import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { CandlewireError } from "../error.ts";
import { findProgram, type Java, type StackEnvironment } from "./java.ts";
import type { StackPart } from "./settings.ts";

/** A profile of `connectors/pom.xml`, the folder its jars go to, and who needs it. */
type Library = { profile: string; folder: string; parts: StackPart[]; leaveOut: string[] };

const LIBRARIES: Library[] = [
  { profile: "kafka", folder: "kafka", parts: ["kafka", "connect"], leaveOut: [] },
  {
    profile: "debezium",
    folder: "plugins/debezium",
    parts: ["connect"],
    // The worker brings these itself; a second copy in the connector's folder hides it, or clashes over native code.
    leaveOut: ["connect-api", "kafka-clients", "slf4j-api", "lz4-java", "snappy-java", "zstd-jni"],
  },
  { profile: "cassandra", folder: "cassandra", parts: ["cassandra"], leaveOut: [] },
];

/** Options of {@linkcode resolveServers}. */
export type ResolveOptions = {
  parts: readonly StackPart[];
  /** Holds a folder for each state of the pom; may be shared by stacks. */
  cacheFolder: string;
  /** `connectors/pom.xml`, absolute. */
  pom: string;
  java: Java;
  environment: StackEnvironment;
  print: (line: string) => void;
  signal?: AbortSignal | undefined;
};

/**
 * The folder of the servers' jars, resolved by Maven once for each state of the pom; what is complete is not looked at again.
 * Safe when several processes do it at once. Rejects with `stack.maven_missing`, or `stack.maven_failed` with Maven's last lines.
 */
export async function resolveServers(options: ResolveOptions): Promise<string> {
  const pom = await Deno.readFile(options.pom);
  const digest = createHash("sha256").update(pom).update(JSON.stringify(LIBRARIES)).digest("hex").slice(
    0,
    16,
  );
  const folder = join(options.cacheFolder, digest);
  const needed = LIBRARIES.filter((library) => library.parts.some((part) => options.parts.includes(part)));
  if ((await missing(folder, needed)).length === 0) return folder;

  await Deno.mkdir(folder, { recursive: true });
  using lock = await Deno.open(join(folder, "lock"), { create: true, write: true });
  if (!await lock.tryLock(true)) {
    options.print("Waiting: another process is resolving the same servers");
    await lock.lock(true);
  }
  const left = await missing(folder, needed);
  if (left.length === 0) return folder;
  const maven = await findProgram("mvn", options.environment.path);
  if (maven === undefined) {
    throw new CandlewireError("stack.maven_missing", "Resolve the servers: there is no mvn in PATH", {
      retry: "operator",
      hint: "Install Maven 3.8 or later (Debian: apt-get install maven)",
    });
  }
  for (const library of left) await resolveLibrary(library, { ...options, folder, maven });
  return folder;
}

async function missing(folder: string, libraries: Library[]): Promise<Library[]> {
  const found: Library[] = [];
  for (const library of libraries) {
    // A folder gets its name when it is whole.
    if (await Deno.stat(join(folder, library.folder)).then(() => false, () => true)) found.push(library);
  }
  return found;
}

async function resolveLibrary(
  library: Library,
  options: ResolveOptions & { folder: string; maven: string },
): Promise<void> {
  const { maven, java, environment, print, signal } = options;
  const target = join(options.folder, library.folder);
  const draft = join(options.folder, `${library.profile}.new`);
  await Deno.remove(draft, { recursive: true }).catch(() => {});
  await Deno.mkdir(dirname(target), { recursive: true });
  print(`Resolving the jars of ${library.profile} with Maven`);
  const started = performance.now();
  const child = new Deno.Command(maven, {
    args: [
      "--batch-mode",
      "--strict-checksums",
      `--file=${options.pom}`,
      `--activate-profiles=${library.profile}`,
      "dependency:copy-dependencies",
      `-DoutputDirectory=${draft}`,
      "-DincludeScope=runtime",
      ...(library.leaveOut.length > 0 ? [`-DexcludeArtifactIds=${library.leaveOut.join(",")}`] : []),
    ],
    cwd: dirname(options.pom),
    clearEnv: true,
    env: {
      PATH: environment.path,
      ...(environment.home ? { HOME: environment.home } : {}),
      JAVA_HOME: dirname(dirname(await Deno.realPath(java.program))),
      LANG: "C.UTF-8",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    ...(signal === undefined ? {} : { signal }),
  }).spawn();

  const lines: string[] = [];
  let fetched = 0;
  let toldAt = performance.now();
  for await (const line of textLines(child.stdout)) {
    if (/Downloaded from /.test(line)) fetched++;
    if (!/Downloading from |Downloaded from |^Progress/.test(line) && line.trim() !== "") lines.push(line);
    if (lines.length > 40) lines.shift();
    if (fetched > 0 && performance.now() - toldAt > 3000) {
      toldAt = performance.now();
      print(`  ${library.profile}: ${fetched} files fetched after ${seconds(started)}`);
    }
  }
  const { success, code } = await child.status;
  signal?.throwIfAborted();
  if (!success) {
    const errors = lines.filter((line) => line.includes("ERROR"));
    throw new CandlewireError(
      "stack.maven_failed",
      `Resolve the jars of ${library.profile}: mvn ended with ${code}`,
      {
        retry: "retry",
        hint: `Maven says: ${(errors.length > 0 ? errors.slice(0, 4) : lines.slice(-4)).join(" | ")}`,
      },
    );
  }
  await Deno.rename(draft, target);
  let count = 0;
  for await (const entry of Deno.readDir(target)) if (entry.name.endsWith(".jar")) count++;
  print(`  ${library.profile}: ${count} jars after ${seconds(started)}`);
}

async function* textLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (
    const text of stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
  ) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
