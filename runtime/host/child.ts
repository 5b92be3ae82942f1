/**
 * What runs first inside a module's process. It takes stdin and stdout for the protocol and sends `console` to stderr
 * before any code of the module is evaluated: a module's entry file imports this file first, and ES modules are
 * evaluated in the order of their imports.
 */
import { CandlewireError } from "../error.ts";
import { ChildContext } from "./child_context.ts";
import { serveTransform } from "./child_transform.ts";
import { decodeBody, encodeBody, encodeFrame, type Frame, FrameDecoder, isRecord } from "./frame.ts";
import { FrameWriter } from "./frame_writer.ts";
import { encodeWireError, PROTOCOL, type StartMessage } from "./message.ts";
import type { ModuleMain } from "./module_context.ts";

/** Exit codes that the host reads. */
const EXIT = { done: 0, failed: 1, orphaned: 3, protocol: 4 } as const;

const { stdin, stdout, exit } = Deno;
const denials: Record<string, number> = {};
const writer = new FrameWriter(async (bytes) => {
  for (let at = 0; at < bytes.length;) at += await stdout.write(bytes.subarray(at));
}, { onError: () => exit(EXIT.orphaned) });
const started = Promise.withResolvers<StartMessage>();
let context: ChildContext | undefined;
const early: Frame[] = [];

for (
  const method of ["log", "info", "debug", "dir", "dirxml", "table", "count", "group", "timeLog", "timeEnd"]
) {
  (console as unknown as Record<string, unknown>)[method] = console.error.bind(console);
}
countRunDenials();
void read();
let heartbeat = setInterval(beat, 1000);

/**
 * Runs a module: its namespace holds `default`, a {@linkcode ModuleMain}, or for a transform the object of `sdk.ts`.
 * Ends the process when it is done.
 */
export async function serve(namespace: Record<string, unknown>): Promise<never> {
  const exported = namespace.default;
  const tables = isRecord(exported) && Array.isArray(exported.tables) ? exported.tables : [];
  writer.send(encodeFrame("hello", { protocol: PROTOCOL, tables }));
  const start = await started.promise;
  let failure: unknown;
  try {
    context = new ChildContext(start, writer);
    for (const frame of early.splice(0)) context.receive(frame);
    if (start.kind === "transform") await serveTransform(context, exported);
    else if (typeof exported === "function") await (exported as ModuleMain)(context);
    else {
      throw new CandlewireError(
        "module.no_main",
        `Start ${start.name}: default export is ${typeof exported}`,
        {
          hint: "Export default async function main(context)",
        },
      );
    }
  } catch (error) {
    failure = error ?? new Error("The module failed with no error");
    if (failure instanceof Error && failure.stack !== undefined) console.error(failure.stack);
  }
  clearInterval(heartbeat);
  beat();
  writer.send(encodeFrame("goodbye", failure === undefined ? {} : { error: encodeWireError(failure) }));
  await writer.flush();
  return exit(failure === undefined ? EXIT.done : EXIT.failed);
}

/** Reads the host's frames for ever; the end of stdin means that the host is gone. */
async function read(): Promise<void> {
  const decoder = new FrameDecoder();
  for await (const chunk of stdin.readable) {
    const { frames, error } = decoder.push(chunk);
    for (const frame of frames) {
      if (frame.kind === "start") begin(frame);
      else if (context === undefined) early.push(frame);
      else context.receive(frame);
    }
    if (error !== undefined) {
      console.error(error.message);
      exit(EXIT.protocol);
    }
  }
  exit(EXIT.orphaned);
}

function begin(frame: Frame): void {
  const body = decodeBody(frame.body);
  if ("error" in body) return exit(EXIT.protocol);
  const start = body.value as StartMessage;
  clearInterval(heartbeat);
  heartbeat = setInterval(beat, start.heartbeatMs);
  started.resolve(start);
}

function beat(): void {
  const taken = { ...denials };
  for (const name of Object.keys(taken)) denials[name] = 0;
  const snapshot = context?.metrics.takeSnapshot() ?? { values: {}, types: {} };
  writer.send(encodeFrame("heartbeat", { denials: taken }, encodeBody(snapshot)));
}

/**
 * Counts refused attempts to run a program (I6). Deno's own audit, which the host reads, tells of every permission but
 * this one. The error's constructor assigns `name`, so an accessor on the prototype sees each refusal.
 */
function countRunDenials(): void {
  Object.defineProperty(Deno.errors.NotCapable.prototype, "name", {
    configurable: true,
    get: () => "NotCapable",
    set(this: Error, value: string) {
      if (/requires run access/i.test(this.message)) denials.run = (denials.run ?? 0) + 1;
      Object.defineProperty(this, "name", { value, configurable: true, writable: true });
    },
  });
}
