import { createHash } from "node:crypto";

/** A record as either capture wrote it; key and value are JSON text. */
export type RawRecord = { topic: string; key: string | null; value: string | null };

/** A record of which nothing differs from run to run. */
export type ParityRecord = { key: unknown; value: unknown };

/** How much is made equal. */
export type NormaliseOptions = {
  /** First part of the topics' names. */
  prefix: string;
  /** Leaves LSNs, transaction ids and commit times of streamed changes as they are: both read the same database. */
  exact: boolean;
};

/** When the connector handled the event, and whose event it is: different by nature. */
const TIMES = ["ts_ms", "ts_us", "ts_ns"];

type Tree = Record<string, unknown>;

/**
 * Records by table, in the order of their topic. Times and versions become words; LSNs and transaction ids become their
 * rank, so that order and equality among them stay visible. Integers beyond 2^53 and negative zeros become text, so that
 * nothing is rounded; long values become their length and digest.
 */
export function normalise(
  records: readonly RawRecord[],
  options: NormaliseOptions,
): Map<string, ParityRecord[]> {
  const parsed = records.filter(({ topic }) => topic.startsWith(`${options.prefix}.public.`)).map((
    record,
  ) => ({
    table: record.topic.slice(options.prefix.length + ".public.".length),
    key: record.key === null ? null : lossless(record.key),
    value: record.value === null ? null : lossless(record.value) as Tree,
  }));
  const lsns = new Set<bigint>();
  const transactions = new Set<number>();
  for (const { value } of parsed) {
    const source = value?.source as Tree | undefined;
    if (source === undefined || value?.op === "r") continue;
    lsns.add(BigInt(source.lsn as number));
    if (source.txId !== null) transactions.add(Number(source.txId));
  }
  const lsnRank = ranks([...lsns].sort((a, b) => a < b ? -1 : a > b ? 1 : 0));
  const transactionRank = ranks([...transactions].sort((a, b) => a - b));

  const tables = new Map<string, ParityRecord[]>();
  for (const { table, key, value } of parsed) {
    if (value !== null) {
      for (const name of TIMES) if (name in value) value[name] = "handled";
      const source = value.source as Tree;
      source.version = "version";
      if (source.name === options.prefix) source.name = "prefix";
      const snapshot = value.op === "r";
      if (snapshot || !options.exact) {
        for (const name of TIMES) if (name in source) source[name] = "committed";
      }
      if (snapshot) {
        source.lsn = typeof source.lsn;
        source.sequence = sequenceOf(source).map((lsn) => lsn === null ? null : "lsn").join();
        source.txId = source.txId === null ? null : typeof source.txId;
      } else if (options.exact && transactionRank.get(Number(source.txId)) === "#1") {
        // Before the first commit that a slot brings, its own beginning stands there.
        source.sequence = `begun, ${sequenceOf(source)[1]}`;
      } else if (!options.exact) {
        const [lastCommit = null, lsn = null] = sequenceOf(source);
        source.sequence = `${lastCommit === null ? "none" : "last commit"}, ${
          lsn === null ? "none" : lsnRank.get(lsn)
        }`;
        source.lsn = lsnRank.get(BigInt(source.lsn as number));
        source.txId = source.txId === null ? null : transactionRank.get(Number(source.txId));
      }
    }
    const list = tables.get(table) ?? [];
    list.push({ key, value });
    tables.set(table, list);
  }
  return tables;
}

/** Stands for what is too long to keep. */
function digest(text: string): string {
  return `sha256 ${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}

function ranks<T>(sorted: readonly T[]): Map<T, string> {
  return new Map(sorted.map((value, index) => [value, `#${index + 1}`]));
}

function sequenceOf(source: Tree): (bigint | null)[] {
  if (typeof source.sequence !== "string") return [];
  return (JSON.parse(source.sequence) as (string | null)[]).map((lsn) => lsn === null ? null : BigInt(lsn));
}

function lossless(text: string): unknown {
  return JSON.parse(text, (_key, value, context?: { source?: string }) => {
    if (typeof value === "string" && value.length > 400) {
      return `${value.length} characters, ${digest(value)}`;
    }
    if (Array.isArray(value) && value.length > 100) {
      return `${value.length} elements, ${digest(JSON.stringify(value))}`;
    }
    if (typeof value !== "number") return value;
    if (Object.is(value, -0)) return "number -0";
    return Number.isInteger(value) && !Number.isSafeInteger(value) &&
        /^-?\d{1,19}$/.test(context?.source ?? "")
      ? `number ${context!.source}`
      : value;
  });
}
