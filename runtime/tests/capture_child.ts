/**
 * Capture in a process of its own that a test may kill: `{parameters, origin, password}` as JSON on stdin. Ends when
 * stdin ends.
 */
import main from "../capture/main.ts";
import { memoryContext } from "../host/memory_context.ts";

const reader = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
let text = "";
while (!text.includes("\n")) text += (await reader.read()).value ?? "";
const { parameters, origin, password } = JSON.parse(text);
const context = memoryContext(parameters, { origin, secrets: { postgresPassword: password } });
(async () => {
  while (!(await reader.read()).done);
  context.stop();
})();
await main(context);
