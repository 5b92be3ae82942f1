import type { CallOptions } from "../../host/module_context.ts";
import type { UserTransform } from "./user.ts";

/** A user transform and the tables it wants, as the host lists it. */
export type UserTransformEntry = { name: string; tables: string[] };

/** What the chain needs of its surroundings. */
export type UserChainOptions = {
  call: (to: string, method: string, parameters: unknown, options?: CallOptions) => Promise<unknown>;
  create: (entry: UserTransformEntry) => UserTransform;
  /** Told of every change, before rows go through the new chain: makes it durable. */
  save: (entries: UserTransformEntry[]) => Promise<void>;
  onChange: (transforms: UserTransform[]) => void;
};

/** Transforms at most (I10). */
const MAX_TRANSFORMS = 64;

/**
 * The user transforms that rows go through, in the order of their names; they come and go while the consumer runs.
 *
 * The host lists those that run. One that was listed once stays in the chain, also over restarts, until the host knows
 * no module of its name: a filter whose process has died must not let rows pass by it. They wait for it instead.
 */
export class UserChain {
  readonly #options: UserChainOptions;
  readonly #entries = new Map<string, UserTransformEntry>();
  #transforms: UserTransform[] = [];
  #listed: UserTransformEntry[] | undefined;
  /** Names whose change is not durable yet. */
  readonly #changed = new Set<string>();
  #asking = false;

  constructor(entries: UserTransformEntry[], options: UserChainOptions) {
    this.#options = options;
    for (const entry of entries) this.#entries.set(entry.name, entry);
    this.#rebuild(new Set());
  }

  get transforms(): readonly UserTransform[] {
    return this.#transforms;
  }

  /** Asks the host which transforms run. The answer is taken up by the next `apply`. Never rejects. */
  async ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const answer = await this.#options.call("host", "transforms", {}, { timeoutMs: 5000 });
      if (Array.isArray(answer)) this.#listed = answer.filter(isEntry).slice(0, MAX_TRANSFORMS);
    } catch {
      // The host is busy; what is known stays.
    } finally {
      this.#asking = false;
    }
  }

  /** Takes up what the host said: to be called between two batches. */
  async apply(): Promise<void> {
    for (const transform of this.#transforms) {
      if (transform.removed) {
        this.#changed.add(transform.name);
        this.#entries.delete(transform.name);
      }
    }
    for (const { name, tables } of this.#listed ?? []) {
      const known = this.#entries.get(name);
      if (known !== undefined && known.tables.join() === tables.join()) continue;
      this.#entries.set(name, { name, tables });
      this.#changed.add(name);
    }
    this.#listed = undefined;
    if (this.#changed.size === 0) return;
    await this.#options.save([...this.#entries.values()]);
    this.#rebuild(this.#changed);
    this.#changed.clear();
    this.#options.onChange(this.#transforms);
  }

  #rebuild(changed: Set<string>): void {
    const before = new Map(this.#transforms.map((transform) => [transform.name, transform]));
    this.#transforms = [...this.#entries.values()].sort((a, b) => a.name < b.name ? -1 : 1).map((entry) =>
      (changed.has(entry.name) ? undefined : before.get(entry.name)) ?? this.#options.create(entry)
    );
  }
}

/** Entries of a stored or received list; what is out of shape is left out. */
export function entriesOf(value: unknown): UserTransformEntry[] {
  return Array.isArray(value) ? value.filter(isEntry).slice(0, MAX_TRANSFORMS) : [];
}

function isEntry(value: unknown): value is UserTransformEntry {
  const entry = value as UserTransformEntry | null;
  return typeof entry?.name === "string" && Array.isArray(entry.tables) &&
    entry.tables.every((table) => typeof table === "string");
}
