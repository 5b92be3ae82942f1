import { join } from "node:path";
import { CandlewireError } from "../error.ts";
import type { StackPart } from "./settings.ts";

/** What this machine offers a stack; only `main.ts` and tests read the environment. */
export type StackEnvironment = {
  /** As in PATH. */
  path: string;
  /** As in JAVA_HOME. */
  javaHome?: string | undefined;
  /** As in HOME: where Maven keeps what it has fetched. */
  home?: string | undefined;
  /** Where Linux distributions put their Javas. */
  jvmFolder?: string;
};

/** A Java that will do. */
export type Java = { program: string; version: string };

/** Kafka 4 runs on 17 and later; Cassandra 5 on 11 and 17 only. */
const WANTED = 17;

/**
 * Finds Java 17: the program asked for, JAVA_HOME's, PATH's, then those in the distribution's folder. Rejects with
 * `stack.java_missing`, or `stack.java_version` that names what was found.
 */
export async function findJava(
  environment: StackEnvironment,
  options: { program?: string | undefined; parts: readonly StackPart[] },
): Promise<Java> {
  const laterWillDo = !options.parts.includes("cassandra");
  const needed = laterWillDo ? "Java 17 or later" : "Java 17 (Cassandra 5 runs on no later one)";
  const found: string[] = [];
  for (const program of await candidates(environment, options.program)) {
    const version = await javaVersion(program);
    const major = Number(/^(?:1\.)?(\d+)/.exec(version ?? "")?.[1]);
    if (version !== undefined && (major === WANTED || (laterWillDo && major > WANTED))) {
      return { program, version };
    }
    if (version !== undefined || program === options.program) {
      found.push(`${program} is ${version ?? "no Java that runs"}`);
    }
  }
  const hint =
    "Install it (Debian: apt-get install openjdk-17-jre-headless), or name it with --java /path/to/bin/java";
  if (found.length > 0) {
    throw new CandlewireError("stack.java_version", `Find ${needed}: ${found.join(", ")}`, {
      retry: "operator",
      hint,
    });
  }
  throw new CandlewireError("stack.java_missing", `Find ${needed}: there is no java in PATH`, {
    retry: "operator",
    hint,
  });
}

/** A program's file, found in a PATH. */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(":")) {
    if (folder === "") continue;
    const file = join(folder, name);
    const info = await Deno.stat(file).catch(() => undefined);
    if (info?.isFile && ((info.mode ?? 0) & 0o111) !== 0) return file;
  }
  return undefined;
}

async function candidates(environment: StackEnvironment, asked: string | undefined): Promise<string[]> {
  if (asked !== undefined) return [asked];
  const folder = environment.jvmFolder ?? "/usr/lib/jvm";
  const installed: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) installed.push(join(folder, name, "bin", "java"));
  } catch {
    // Not every system has it.
  }
  const home = environment.javaHome ? [join(environment.javaHome, "bin", "java")] : [];
  const inPath = await findProgram("java", environment.path);
  return [...home, ...(inPath === undefined ? [] : [inPath]), ...installed.sort()];
}

/** What `java -version` says of itself; undefined when the program does not run or is none. */
async function javaVersion(program: string): Promise<string | undefined> {
  try {
    const { stderr, stdout } = await new Deno.Command(program, {
      args: ["-version"],
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(20_000),
    }).output();
    const text = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
    return /version "([^"]+)"/.exec(text)?.[1];
  } catch {
    // Not there, not a program, too slow: whichever it is, it is no Java that could be used.
    return undefined;
  }
}
