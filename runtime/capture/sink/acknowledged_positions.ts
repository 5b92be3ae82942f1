import type { Position } from "../../change/record.ts";

/** The file beside the segments. */
const FILE = "acknowledged.json";

/**
 * Below which positions each group of readers needs nothing any more. Kept in a file beside the segments, so that a
 * restart of capture can go on with retention when the readers have nothing new to say: a full journal would else stay
 * full. Losing the file loses time only; it is never ahead of what readers said.
 */
export class AcknowledgedPositions {
  readonly #path: string;
  readonly #groups = new Map<string, Map<string, number>>();

  /** `fresh`: the journal is new, and what a file says is of another one. */
  constructor(folder: string, fresh: boolean) {
    this.#path = `${folder}/${FILE}`;
    if (fresh) return;
    try {
      const stored = JSON.parse(Deno.readTextFileSync(this.#path)) as Record<string, Record<string, number>>;
      for (const [group, positions] of Object.entries(stored)) {
        const valid = Object.entries(positions).filter(([, offset]) => Number.isSafeInteger(offset));
        this.#groups.set(group, new Map(valid));
      }
    } catch {
      // None yet, or torn by a power cut: readers will say it again.
      this.#groups.clear();
    }
  }

  get groups(): string[] {
    return [...this.#groups.keys()];
  }

  /** Positions never fall. */
  set(group: string, positions: readonly Position[]): void {
    let known = this.#groups.get(group);
    if (known === undefined) this.#groups.set(group, known = new Map());
    let changed = false;
    for (const { topic, partition, offset } of positions) {
      const at = `${topic}/${partition}`;
      if (offset <= (known.get(at) ?? -1)) continue;
      known.set(at, offset);
      changed = true;
    }
    if (changed) this.#store();
  }

  /** True when there are readers and all of them have done with what lies below. */
  reached({ topic, partition, offset }: Position): boolean {
    if (this.#groups.size === 0) return false;
    return [...this.#groups.values()].every((known) => (known.get(`${topic}/${partition}`) ?? 0) >= offset);
  }

  #store(): void {
    const groups = [...this.#groups].map(([group, known]) => [group, Object.fromEntries(known)]);
    try {
      Deno.writeTextFileSync(`${this.#path}.new`, JSON.stringify(Object.fromEntries(groups)));
      Deno.renameSync(`${this.#path}.new`, this.#path);
    } catch {
      // A full disk: what is in memory counts until the next start.
    }
  }
}
