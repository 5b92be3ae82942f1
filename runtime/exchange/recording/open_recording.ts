import { createHash } from "node:crypto";
import { CandlewireError } from "../../error.ts";
import { compileRecording } from "./compile.ts";
import type { CompiledRecording } from "./compiler.ts";

/** SHA-256 of each file, hex: what a recording is, wherever it lies. Throws `exchange.recording_open`. */
export async function digestsOf(paths: readonly string[]): Promise<string[]> {
  const digests: string[] = [];
  for (const path of paths) digests.push(await digestOf(path));
  return digests;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    using file = await Deno.open(path, { read: true });
    const buffer = new Uint8Array(1 << 16);
    for (let count = await file.read(buffer); count !== null; count = await file.read(buffer)) {
      hash.update(buffer.subarray(0, count));
    }
  } catch (cause) {
    throw new CandlewireError("exchange.recording_open", `Open a recording: "${path}"`, {
      cause,
      hint: "Name a file of recorded frames, plain or gzip",
    });
  }
  return hash.digest("hex");
}

/**
 * The recording compiled into a folder: read from there when these very files were compiled before, compiled now
 * otherwise. `recording.json` is written last, so that it stands only beside whole records.
 */
export async function openRecording(
  paths: readonly string[],
  digests: readonly string[],
  folder: string,
): Promise<{ recording: CompiledRecording; file: string }> {
  const file = `${folder}/recording.f64`;
  const meta = `${folder}/recording.json`;
  try {
    const recording: CompiledRecording = JSON.parse(await Deno.readTextFile(meta));
    if (recording.digests.join() === digests.join()) return { recording, file };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) && !(error instanceof SyntaxError)) throw error;
  }
  const recording = { digests: [...digests], ...await compileRecording(paths, file) };
  await Deno.writeTextFile(`${meta}.tmp`, JSON.stringify(recording));
  await Deno.rename(`${meta}.tmp`, meta);
  return { recording, file };
}
