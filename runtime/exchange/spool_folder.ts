import { CandlewireError } from "../error.ts";
import type { Origin } from "../market/origin.ts";

/** What makes one run of the market what it is. Reopening with anything else is refused. */
export type RunIdentity = Record<string, string | number | boolean | null>;

/** What a folder remembers of its run. */
export type RunRecord = {
  format: number;
  origin: Origin;
  identity: RunIdentity;
  startTime: number;
  /** True when the run's time follows the wall clock: its start was not given, and no recorded times are kept. */
  followsWall: boolean;
};

/** How far the market has told: steps of its feed, virtual time, and the feed's fingerprint there. */
export type ToldPosition = { steps: number; now: number; fingerprint: number };

const FORMAT = 2;
const SLOT = 5;

/**
 * The folder of one run, held by one process. Holds `run.json` (what the run is), `checkpoint.f64` (state as of some
 * step, replaced whole), `position.f64` (how far was told, two slots) and the spool files. Survives the death of the
 * process at any instant; not the loss of power.
 */
export class SpoolFolder implements Disposable {
  readonly path: string;
  readonly #lock: Deno.FsFile;
  readonly #position: Deno.FsFile;
  readonly #slots = new Float64Array(SLOT * 2);
  #sequence = 0;

  private constructor(path: string, lock: Deno.FsFile, position: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
    this.#position = position;
  }

  /**
   * Opens or makes a folder and takes it for this process. Throws `exchange.folder_open` when it cannot be written,
   * `exchange.folder_busy` when another process has it, `exchange.folder_foreign` when it holds something else.
   */
  static open(path: string): SpoolFolder {
    let lock: Deno.FsFile;
    try {
      Deno.mkdirSync(path, { recursive: true });
      for (const entry of Deno.readDirSync(path)) {
        if (/^(run\.json|lock|recording\.json)$|^[a-z_0-9]+\.f64$|\.tmp$/.test(entry.name)) continue;
        throw new CandlewireError(
          "exchange.folder_foreign",
          `Open the exchange's folder: "${path}" holds "${entry.name}"`,
          { hint: "Choose an empty folder" },
        );
      }
      lock = Deno.openSync(`${path}/lock`, { write: true, create: true });
    } catch (cause) {
      if (cause instanceof CandlewireError) throw cause;
      throw new CandlewireError("exchange.folder_open", `Open the exchange's folder: "${path}"`, {
        cause,
        hint: "Choose a folder that can be written",
      });
    }
    if (!lock.tryLockSync(true)) {
      lock.close();
      throw new CandlewireError("exchange.folder_busy", `Open the exchange's folder: "${path}" is in use`, {
        hint: "Stop the other exchange, or choose another folder",
      });
    }
    const position = Deno.openSync(`${path}/position.f64`, { read: true, write: true, create: true });
    return new SpoolFolder(path, lock, position);
  }

  /** The run that the folder holds, undefined when it is new. Throws `exchange.folder_damaged`. */
  run(): RunRecord | undefined {
    const text = readIfThere(`${this.path}/run.json`);
    if (text === undefined) return undefined;
    let run: RunRecord;
    try {
      run = JSON.parse(new TextDecoder().decode(text));
    } catch (cause) {
      throw new CandlewireError("exchange.folder_damaged", `Read "${this.path}/run.json"`, {
        cause,
        hint: "Delete the folder; the exchange starts a new run",
      });
    }
    if (run.format !== FORMAT) {
      throw new CandlewireError(
        "exchange.folder_format",
        `Open the exchange's folder: "${this.path}" has format ${run.format}, this version writes ${FORMAT}`,
        { hint: "Delete the folder or choose another; the exchange starts a new run" },
      );
    }
    return run;
  }

  /** Makes the folder that of a new run. */
  begin(run: Omit<RunRecord, "format">): void {
    this.#replace("run.json", new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...run }, null, 2)));
  }

  /** Refuses another run than the folder's, naming the first value that differs. Throws `exchange.folder_mismatch`. */
  check(run: RunRecord, wanted: RunIdentity): void {
    for (const key of new Set([...Object.keys(run.identity), ...Object.keys(wanted)])) {
      const [held, asked] = [run.identity[key], wanted[key]];
      if (held === asked) continue;
      throw new CandlewireError(
        "exchange.folder_mismatch",
        `Open the exchange's folder: "${this.path}" holds ${key} ${JSON.stringify(held)}, asked for ${
          JSON.stringify(asked)
        }`,
        {
          hint: `Ask for the same ${key}, choose another folder, or delete this one`,
          details: { key, held, asked, folder: this.path },
        },
      );
    }
  }

  /** Replaces the checkpoint. */
  writeCheckpoint(state: Float64Array<ArrayBuffer>): void {
    const all = new Float64Array(state.length + 2);
    all.set(state);
    all[state.length] = state.length;
    all[state.length + 1] = checksum(state);
    this.#replace("checkpoint.f64", new Uint8Array(all.buffer));
  }

  /** The last checkpoint, undefined when there is none. Throws `exchange.folder_damaged`. */
  readCheckpoint(): Float64Array | undefined {
    const bytes = readIfThere(`${this.path}/checkpoint.f64`);
    if (bytes === undefined) return undefined;
    const all = new Float64Array(bytes.buffer, 0, Math.floor(bytes.length / 8));
    const state = all.subarray(0, Math.max(0, all.length - 2));
    if (bytes.length % 8 !== 0 || all.at(-2) !== state.length || all.at(-1) !== checksum(state)) {
      throw new CandlewireError("exchange.folder_damaged", `Read "${this.path}/checkpoint.f64"`, {
        hint: "Delete the folder; the exchange starts a new run",
      });
    }
    return state;
  }

  /** Records how far the market is about to tell; in the kernel's hands, and so safe from a kill, at return. */
  writePosition({ steps, now, fingerprint }: ToldPosition): void {
    const sequence = ++this.#sequence;
    const slot = sequence % 2;
    this.#slots.set([sequence, steps, now, fingerprint, sequence + steps + now + fingerprint], slot * SLOT);
    this.#position.seekSync(slot * SLOT * 8, Deno.SeekMode.Start);
    this.#position.writeSync(new Uint8Array(this.#slots.buffer, slot * SLOT * 8, SLOT * 8));
  }

  /** The last position that was recorded whole; undefined when none was. */
  readPosition(): ToldPosition | undefined {
    this.#position.seekSync(0, Deno.SeekMode.Start);
    this.#position.readSync(new Uint8Array(this.#slots.buffer));
    let latest: ToldPosition | undefined;
    for (const slot of [0, 1]) {
      const [sequence, steps, now, fingerprint, sum] = this.#slots.subarray(slot * SLOT, (slot + 1) * SLOT);
      if (sequence! === 0 || sequence! + steps! + now! + fingerprint! !== sum) continue;
      if (sequence! <= this.#sequence) continue;
      this.#sequence = sequence!;
      latest = { steps: steps!, now: now!, fingerprint: fingerprint! };
    }
    return latest;
  }

  [Symbol.dispose](): void {
    this.#position.close();
    this.#lock.close();
  }

  #replace(name: string, bytes: Uint8Array): void {
    const temporary = `${this.path}/${name}.tmp`;
    Deno.writeFileSync(temporary, bytes);
    Deno.renameSync(temporary, `${this.path}/${name}`);
  }
}

function readIfThere(path: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Of the numbers' bits. */
function checksum(values: Float64Array): number {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  let hash = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i]!, 0x01000193);
  return hash >>> 0;
}
