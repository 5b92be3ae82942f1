import { dirname } from "node:path";
import { type Stack, startStack } from "../../stack/stack.ts";

/** Three brokers, three nodes and a Connect worker on free ports, in a folder of the test's own. */
export async function threeNodeStack(folder: string): Promise<Stack> {
  await Deno.chmod(dirname(folder), 0o755);
  await Deno.mkdir(folder, { recursive: true });
  const started = performance.now();
  const stack = await startStack({
    folder,
    parts: ["kafka", "connect", "cassandra"],
    brokers: 3,
    nodes: 3,
    ports: { kafka: 0, kafkaController: 0, connect: 0, cassandra: 0, cassandraStorage: 0 },
    environment: { path: Deno.env.get("PATH") ?? "", home: Deno.env.get("HOME") } as never,
  });
  console.log(
    `three brokers and three nodes serve after ${((performance.now() - started) / 1000).toFixed(0)} s`,
  );
  return stack;
}
