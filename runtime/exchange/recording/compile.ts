import { SpoolFile } from "../spool_file.ts";
import { type CompiledRecording, Compiler, ScaleError } from "./compiler.ts";
import type { RecordedLine } from "./frame.ts";
import { LineReader } from "./line_reader.ts";

/**
 * Reads recordings once, merges them by receive time, orders them by the exchange's own times and writes them as
 * integers, so that a replay needs no memory and a restart no parsing. Throws `exchange.recording_*`.
 */
export async function compileRecording(
  paths: readonly string[],
  file: string,
): Promise<Omit<CompiledRecording, "digests">> {
  const scales = new Map<string, { price: number; quantity: number }>();
  while (true) {
    const out = new SpoolFile(file, 1, { buffer: 65536 });
    const compiler = new Compiler(out, scales);
    try {
      out.truncate(0);
      await readMerged(paths, compiler);
      return compiler.finish(paths);
    } catch (error) {
      if (!(error instanceof ScaleError)) throw error;
      // Quantities of cheap coins pass 2^53 at eight decimals: start over with fewer for that symbol.
      scales.set(error.symbol, error.scales);
    } finally {
      out.close();
    }
  }
}

async function readMerged(paths: readonly string[], compiler: Compiler): Promise<void> {
  const readers: LineReader[] = [];
  try {
    for (const path of paths) readers.push(await LineReader.open(path));
    const heads: (RecordedLine | undefined)[] = [];
    for (const reader of readers) heads.push(await reader.next());
    while (true) {
      let first = -1;
      for (let i = 0; i < heads.length; i++) {
        const head = heads[i];
        if (head === undefined) continue;
        // A problem has no time: it is counted at once.
        if (first < 0 || !(head.receivedAt >= heads[first]!.receivedAt)) first = i;
      }
      if (first < 0) break;
      compiler.take(heads[first]!.frame, first);
      heads[first] = await readers[first]!.next();
    }
    for (const reader of readers) {
      if (reader.cut !== undefined) compiler.note(`"${reader.path}" ends early: ${reader.cut}`);
    }
  } finally {
    for (const reader of readers) reader[Symbol.dispose]();
  }
}
