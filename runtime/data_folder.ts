import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import { CandlewireError, errorText, ignoreMissing } from "./error.ts";
import type { Origin } from "./market/origin.ts";

/** Format of the data folder; a folder of another one is refused. */
const FORMAT = 1;

/** A data folder that this process alone uses until it is disposed of. */
export type DataFolder = Disposable & {
  readonly path: string;
  readonly journal: string;
  readonly store: string;
  readonly postgres: string;
  readonly run: string;
  readonly exchange: string;
  readonly transforms: string;
  readonly modules: string;
  /** Passwords of the module roles, made once; mode 0600. */
  readonly secrets: { producerPassword: string; capturePassword: string };
  /**
   * Binds the folder to an origin, or checks that it is bound to this one. Rejects with `data.origin_mismatch`. To be
   * called before anything is put into the folder: what has no origin yet has nothing in it.
   */
  settle(origin: Origin): Promise<void>;
};

/**
 * Opens the folder that holds all state of one pipeline, and makes it when missing. Held by a lock that the operating system
 * drops with the process, so that `kill -9` leaves nothing to clean up. Opened before the source, whose own files may
 * lie in it.
 *
 * Rejects with `data.in_use`, `data.not_writable` or `data.version_mismatch`; with `data.origin_mismatch` when the
 * folder is known to hold another kind of data than `live` says; undefined where the source is not known yet.
 */
export async function openDataFolder(
  folder: string,
  options: { live?: boolean } = {},
): Promise<DataFolder> {
  const path = resolve(folder);
  const sub = (name: string) => join(path, name);
  try {
    for (const name of ["", "journal", "store", "run", "user/transforms", "user/modules"]) {
      await Deno.mkdir(sub(name), { recursive: true });
    }
    await Deno.writeTextFile(sub("run/writable"), "");
  } catch (error) {
    throw new CandlewireError("data.not_writable", `Write to the data folder ${path}: ${errorText(error)}`, {
      retry: "operator",
      hint: "Choose a writable folder with --data-dir",
      cause: error,
    });
  }
  const lock = await Deno.open(sub("run/lock"), { create: true, write: true, read: true });
  if (!await lock.tryLock(true)) {
    lock.close();
    throw new CandlewireError("data.in_use", `Open the data folder ${path}: another Candlewire uses it`, {
      retry: "operator",
      hint: "Stop the other one, or choose another folder with --data-dir",
    });
  }
  try {
    const file = sub("candlewire.json");
    const found = await readIdentity(file, path);
    const { live } = options;
    if (found !== undefined && live !== undefined && (found.kind === "live") !== live) {
      throw originMismatch(
        path,
        found,
        live ? "Binance's live market" : "an exchange or a recording",
      );
    }
    return {
      path,
      journal: sub("journal"),
      store: sub("store"),
      postgres: sub("postgres"),
      run: sub("run"),
      exchange: sub("exchange"),
      transforms: sub("user/transforms"),
      modules: sub("user/modules"),
      secrets: await readSecrets(sub("secrets.json")),
      async settle(origin) {
        const known = await readIdentity(file, path);
        if (known === undefined) {
          await writeWhole(file, JSON.stringify({ format: FORMAT, origin }, null, 2));
        } else if (known.kind !== origin.kind || known.id !== origin.id) {
          throw originMismatch(path, known, `"${origin.label}" (${origin.kind} ${origin.id})`);
        }
      },
      [Symbol.dispose]: () => lock.close(),
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** What the folder holds; undefined while it holds nothing. */
async function readIdentity(file: string, path: string): Promise<Origin | undefined> {
  const text = await Deno.readTextFile(file).catch(ignoreMissing);
  if (text === undefined) return undefined;
  const found = parseOwn(file, text) as { format: number; origin: Origin };
  if (found.format === FORMAT) return found.origin;
  throw new CandlewireError(
    "data.version_mismatch",
    `Open the data folder ${path}: its format is ${found.format}, this version needs ${FORMAT}`,
    {
      retry: "operator",
      hint: "Choose another folder with --data-dir, or run the version that made it",
    },
  );
}

function originMismatch(path: string, found: Origin, source: string): CandlewireError {
  return new CandlewireError(
    "data.origin_mismatch",
    `Open the data folder ${path}: it holds "${found.label}" (${found.kind} ${found.id}), the source is ${source}`,
    {
      retry: "operator",
      hint: "Choose another folder with --data-dir; data of two origins is never mixed",
    },
  );
}

async function readSecrets(file: string): Promise<DataFolder["secrets"]> {
  const text = await Deno.readTextFile(file).catch(ignoreMissing);
  if (text !== undefined) return parseOwn(file, text) as DataFolder["secrets"];
  const secret = () => randomBytes(24).toString("base64url");
  const secrets = { producerPassword: secret(), capturePassword: secret() };
  await writeWhole(file, JSON.stringify(secrets));
  return secrets;
}

function parseOwn(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CandlewireError("data.damaged", `Read ${file}: ${errorText(error)}`, {
      retry: "operator",
      hint: "Bring the file back from a copy, or choose another folder with --data-dir",
      cause: error,
    });
  }
}

/** Written beside and renamed, so that a crash leaves the old file or the new one. */
async function writeWhole(file: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${file}.new`, text, { mode: 0o600 });
  await Deno.rename(`${file}.new`, file);
}
