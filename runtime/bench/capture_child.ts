/**
 * Capture in a process of its own for `capture_bench.ts`: `{parameters, origin, password}` as JSON on the first line of
 * stdin, then `start` and `stop` lines; answers each with a line. Ends when stdin ends. One process for all rounds, so
 * that both contenders are measured warm.
 */
import main from "../capture/main.ts";
import { memoryContext } from "../host/memory_context.ts";

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
let text = "";
const nextLine = async (): Promise<string | undefined> => {
  while (!text.includes("\n")) {
    const { value, done } = await lines.read();
    if (done) return undefined;
    text += value;
  }
  const line = text.slice(0, text.indexOf("\n"));
  text = text.slice(line.length + 1);
  return line;
};
const { parameters, origin, password } = JSON.parse((await nextLine())!);
let running: { stop: () => void; done: Promise<void> } | undefined;
const stop = async () => {
  running?.stop();
  await running?.done;
  running = undefined;
};
for (let line = await nextLine(); line !== undefined; line = await nextLine()) {
  await stop();
  if (line === "start") {
    const context = memoryContext(parameters, { origin, secrets: { postgresPassword: password } });
    const done = main(context);
    done.catch((error) => {
      console.error(error);
      Deno.exit(1);
    });
    running = { stop: () => context.stop(), done };
  }
  console.log(line);
}
await stop();
