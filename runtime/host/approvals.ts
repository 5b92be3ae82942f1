import { CandlewireError } from "../error.ts";
import { replaceFile } from "./epoch_file.ts";
import { isRecord } from "./frame.ts";

/** Digests kept of each module; older ones must be approved again. */
const MAX_DIGESTS = 20;

/**
 * Which code of which user module may run, kept in the data folder. The record of a removed module stays: code that
 * comes back changed waits for approval like any other change.
 */
export class Approvals {
  readonly #file: string;
  readonly #digests: Map<string, string[]>;

  private constructor(file: string, digests: Map<string, string[]>) {
    this.#file = file;
    this.#digests = digests;
  }

  /** Opens the file; an absent one approves nothing. Throws `host.bad_approvals` when it holds something else. */
  static open(file: string): Approvals {
    let text: string;
    try {
      text = Deno.readTextFileSync(file);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return new Approvals(file, new Map());
      throw error;
    }
    try {
      const value: unknown = JSON.parse(text);
      if (!isRecord(value)) throw new TypeError("no JSON object");
      const digests = new Map<string, string[]>();
      for (const [name, list] of Object.entries(value)) {
        if (!Array.isArray(list) || !list.every((digest) => typeof digest === "string")) {
          throw new TypeError(`${name} is no list of digests`);
        }
        digests.set(name, list);
      }
      return new Approvals(file, digests);
    } catch (cause) {
      throw new CandlewireError("host.bad_approvals", `Read ${file}: ${(cause as Error).message}`, {
        retry: "operator",
        hint: "Restore the file, or remove it and approve each module again",
        cause,
      });
    }
  }

  /** True when the module was ever approved. */
  knows(name: string): boolean {
    return this.#digests.has(name);
  }

  has(name: string, digest: string): boolean {
    return this.#digests.get(name)?.includes(digest) ?? false;
  }

  /** The digest that was approved last. */
  latest(name: string): string | undefined {
    return this.#digests.get(name)?.at(-1);
  }

  /** Records an approval, durably. */
  add(name: string, digest: string): void {
    const others = (this.#digests.get(name) ?? []).filter((other) => other !== digest);
    this.#digests.set(name, [...others, digest].slice(-MAX_DIGESTS));
    replaceFile(this.#file, JSON.stringify(Object.fromEntries(this.#digests), null, 2));
  }
}
