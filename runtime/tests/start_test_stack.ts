import { homedir } from "node:os";
import { join } from "node:path";
import { CandlewireError, errorText, ignoreMissing } from "../error.ts";
import type { StackEnvironment } from "../stack/java.ts";
import { identify, isRunning, type ProcessIdentity } from "../stack/server_process.ts";
import type { StackWishes } from "../stack/settings.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { stopStack } from "../stack/stop_stack.ts";
import type { TestStack } from "./test_stack.ts";

/** A stack of a test's own, which it may break. Disposing of it stops it and deletes its folder. */
export type OwnStack = Stack & { readonly folder: string; readonly testStack: TestStack };

/** Options of {@linkcode startTestStack}: a single-node stack without PostgreSQL by default, on free ports always. */
export type OwnStackOptions = Omit<StackWishes, "ports"> & {
  print?: (line: string) => void;
  signal?: AbortSignal;
};

const PREFIX = "candlewire-stack-";

/** Java, Maven and home of this machine, as the tests have them. */
export function testEnvironment(): StackEnvironment {
  return {
    path: Deno.env.get("PATH") ?? "/usr/bin:/bin",
    javaHome: Deno.env.get("JAVA_HOME"),
    home: Deno.env.get("HOME"),
  };
}

/** Where all tests of this user keep the servers' jars, from run to run. */
export function testServersFolder(): string {
  return join(Deno.env.get("XDG_CACHE_HOME") || join(homedir(), ".cache"), "candlewire", "servers");
}

/** Starts a stack in a temporary folder, and ends those whose tests were killed before they could. */
export async function startTestStack(options: OwnStackOptions = {}): Promise<OwnStack> {
  await sweepTestStacks();
  const folder = await Deno.makeTempDir({ prefix: PREFIX });
  // PostgreSQL runs as another user when the tests run as root.
  await Deno.chmod(folder, 0o755);
  await Deno.writeTextFile(join(folder, "owner.json"), JSON.stringify(await identify(Deno.pid)));
  try {
    const stack = await startStack({
      parts: ["kafka", "connect", "cassandra"],
      // Most of a test's time with real servers is their start.
      quickStart: true,
      ...options,
      folder,
      ports: { postgres: 0, kafka: 0, kafkaController: 0, connect: 0, cassandra: 0, cassandraStorage: 0 },
      serversFolder: testServersFolder(),
      environment: testEnvironment(),
    });
    const { kafka, connect, cassandra, connectSecretsFile } = stack.endpoints;
    return {
      ...stack,
      folder,
      testStack: { kafka, connect: connect ?? "", cassandra, connectSecretsFile },
      async [Symbol.asyncDispose]() {
        await stack[Symbol.asyncDispose]();
        await removeStack(folder);
      },
    };
  } catch (error) {
    await removeStack(folder);
    throw error;
  }
}

/** Why this machine cannot run the servers, when it is for lack of Java or Maven; anything else is a failure. */
export function missingTool(error: unknown): string | undefined {
  if (!(error instanceof CandlewireError)) return undefined;
  const lacks = ["stack.java_missing", "stack.java_version", "stack.maven_missing", "stack.maven_failed"];
  return lacks.includes(error.code) ? `${errorText(error)}. ${error.hint ?? ""}` : undefined;
}

/** Stops and deletes the stacks of test processes that are gone. */
async function sweepTestStacks(): Promise<void> {
  const parent = await Deno.makeTempDir({ prefix: PREFIX });
  await Deno.remove(parent);
  for await (const folder of stacksBelow(join(parent, ".."))) {
    const owner = await Deno.readTextFile(join(folder, "owner.json")).catch(ignoreMissing);
    // Without an owner it is being made right now.
    if (owner === undefined || await isRunning(JSON.parse(owner) as ProcessIdentity)) continue;
    await removeStack(folder).catch(() => {});
  }
}

/** Stacks in a temporary folder, and in those that a run of tests or a bench made in it for itself. */
async function* stacksBelow(temporary: string): AsyncGenerator<string> {
  // Others may remove theirs meanwhile, or keep them to themselves.
  const found = await Array.fromAsync(Deno.readDir(temporary)).catch(() => []);
  for (const { name, isDirectory } of found) {
    if (!isDirectory) continue;
    if (name.startsWith(PREFIX)) yield join(temporary, name);
    else if (/^candlewire-(tests|bench)-/.test(name) || /^part-\d+-$/.test(name)) {
      yield* stacksBelow(join(temporary, name));
    }
  }
}

async function removeStack(folder: string): Promise<void> {
  await stopStack(folder, { remove: true }).catch((error) => {
    if (!(error instanceof CandlewireError) || error.code !== "stack.none") throw error;
  });
  await Deno.remove(folder, { recursive: true });
}
