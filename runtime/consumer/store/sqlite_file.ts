import { DatabaseSync } from "node:sqlite";
import schema0001 from "../../../schema/sqlite/store_0001.sql" with { type: "text" };
import { CandlewireError } from "../../error.ts";
import type { Origin } from "../../market/origin.ts";
import { storeError } from "./sqlite_error.ts";

/** Every shape the file has had; a file at shape n gets the texts after it. Never edited, only appended to. */
const MIGRATIONS: readonly string[] = [schema0001];

/** Who opens the store, and what it must hold. */
export type SqliteFileOptions = {
  origin: Origin;
  /** Name and epoch of the writer: an older epoch than the file knows is refused (fencing). */
  writer: string;
  epoch: number;
  /** Page cache, KiB. Default 16 MiB. */
  cacheKiB?: number;
  /** How long a call waits for a lock that another process holds, ms. Default 5,000. */
  busyMs?: number;
  /** Pages of 4 KiB that the file may have; beyond it a write is refused as on a full disk. No limit by default. */
  maxPages?: number;
};

/**
 * Opens, creates or migrates the store's file. Rejects with `store.newer_schema`, `store.origin_mismatch`,
 * `store.fenced` (all `operator`), `store.unavailable` or `store.corrupt`.
 */
export function openStoreFile(path: string, options: SqliteFileOptions): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: options.busyMs ?? 5000 });
    // FULL: a commit is on the disk when it returns, also after a loss of power (I1).
    db.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${
        options.cacheKiB ?? 16_384
      }; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864`,
    );
    if (options.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${options.maxPages}`);
    db.exec("BEGIN IMMEDIATE");
    migrate(db, path);
    checkOrigin(db, path, options.origin);
    fence(db, options.writer, options.epoch);
    db.exec("COMMIT");
    return db;
  } catch (error) {
    db?.close();
    throw storeError(`Open store ${path}`, error);
  }
}

function migrate(db: DatabaseSync, path: string): void {
  const { user_version: at } = db.prepare("PRAGMA user_version").get() as { user_version: number };
  if (at > MIGRATIONS.length) {
    throw new CandlewireError(
      "store.newer_schema",
      `Open store ${path}: it has schema ${at}, this version knows up to ${MIGRATIONS.length}`,
      { retry: "operator", hint: "Run the newer version of Candlewire, or choose another data folder" },
    );
  }
  for (const sql of MIGRATIONS.slice(at)) db.exec(sql);
  db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
}

/** I8: rows of two origins never meet in one file. */
function checkOrigin(db: DatabaseSync, path: string, origin: Origin): void {
  const stored = metaValue(db, "origin");
  if (stored === undefined) return setMeta(db, "origin", JSON.stringify(origin));
  const known = JSON.parse(stored) as Origin;
  if (known.kind === origin.kind && known.id === origin.id) return;
  throw new CandlewireError(
    "store.origin_mismatch",
    `Open store ${path}: it holds ${known.kind} ${known.id} (${known.label}), this run is ${origin.kind} ${origin.id} (${origin.label})`,
    {
      retry: "operator",
      hint: "Choose another folder with --data-dir, or remove this one",
      details: { stored: known, origin },
    },
  );
}

function fence(db: DatabaseSync, writer: string, epoch: number): void {
  const stored = Number(metaValue(db, `epoch:${writer}`) ?? 0);
  if (stored > epoch) throw fenced(writer, epoch, stored);
  setMeta(db, `epoch:${writer}`, String(epoch));
}

/** The error of a writer that has been superseded. */
export function fenced(writer: string, epoch: number, stored: number): CandlewireError {
  return new CandlewireError(
    "store.fenced",
    `Write to the store: ${writer} has epoch ${epoch}, epoch ${stored} has taken over`,
    { retry: "operator", hint: "Stop this instance" },
  );
}

/** A value of the table `meta`. */
export function metaValue(db: DatabaseSync, name: string): string | undefined {
  const row = db.prepare("SELECT value FROM meta WHERE name = ?").get(name) as { value: string } | undefined;
  return row?.value;
}

/** Stores a value of the table `meta`. */
export function setMeta(db: DatabaseSync, name: string, value: string): void {
  db.prepare("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value")
    .run(name, value);
}
