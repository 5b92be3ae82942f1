import { dirname } from "node:path";
import { CandlewireError } from "../error.ts";

/**
 * The number of each module's next start, kept in the data folder. It rises with every start and never falls, so that
 * a writer left over from an earlier start can be refused (fencing). Durable before the module is told it.
 */
export class EpochFile {
  readonly #file: string;
  readonly #epochs: Map<string, number>;

  private constructor(file: string, epochs: Map<string, number>) {
    this.#file = file;
    this.#epochs = epochs;
  }

  /** Opens or makes the file. Throws `host.bad_epochs` when it holds something else. */
  static open(file: string): EpochFile {
    Deno.mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    let text: string;
    try {
      text = Deno.readTextFileSync(file);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return new EpochFile(file, new Map());
      throw error;
    }
    try {
      const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
      if (entries.some(([, epoch]) => !Number.isSafeInteger(epoch))) {
        throw new TypeError("an epoch is no integer");
      }
      return new EpochFile(file, new Map(entries as [string, number][]));
    } catch (cause) {
      throw new CandlewireError("host.bad_epochs", `Read ${file}: ${(cause as Error).message}`, {
        retry: "operator",
        hint: "Restore the file; a lower number would let an old writer write beside the new one",
        cause,
      });
    }
  }

  /**
   * Puts a module's next epoch above `epoch`: another host with a file of its own had the work before. Lower numbers
   * change nothing.
   */
  raise(name: string, epoch: number): void {
    if (epoch > (this.#epochs.get(name) ?? 0)) this.#epochs.set(name, epoch);
  }

  /** The next epoch of a module. */
  next(name: string): number {
    const epoch = (this.#epochs.get(name) ?? 0) + 1;
    this.#epochs.set(name, epoch);
    replaceFile(this.#file, JSON.stringify(Object.fromEntries(this.#epochs)));
    return epoch;
  }
}

/** Writes a small file so that it is either the old or the new one, also after a power cut; at return, the new one. */
export function replaceFile(file: string, text: string): void {
  const temporary = `${file}.new`;
  using handle = Deno.openSync(temporary, { write: true, create: true, truncate: true, mode: 0o600 });
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += handle.writeSync(bytes.subarray(at));
  handle.syncSync();
  Deno.renameSync(temporary, file);
  if (Deno.build.os === "windows") return;
  // The new name is durable once its folder is: else a power cut brings the old file back, and an epoch falls.
  using folder = Deno.openSync(dirname(file));
  folder.syncSync();
}
