import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { segmentFile } from "../../change/journal_format.ts";
import { JournalLog } from "../../consumer/log/journal.ts";
import { epochMs } from "../../market/epoch.ts";
import type { Origin } from "../../market/origin.ts";
import type { CapturePosition } from "./change_sink.ts";
import { type JournalLimits, JournalSink } from "./journal.ts";

const ORIGIN: Origin = { kind: "exchange", id: "one", label: "seed 1" };
const LIMITS: JournalLimits = {
  segmentBytes: 200_000,
  segmentMs: 3_600_000,
  retentionMs: 1e12,
  retentionBytes: 1e12,
  maxBytes: 1e12,
};
const POSITION: CapturePosition = {
  systemId: "1",
  commitLsn: "0/1",
  changes: -1,
  acknowledgedLsn: "0/1",
  snapshot: null,
};
const PAD = "x".repeat(1000);

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function open(
  folder: string,
  limits: Partial<JournalLimits> = {},
  options: { origin?: Origin; now?: () => number } = {},
) {
  return JournalSink.open(folder, {
    origin: options.origin ?? ORIGIN,
    partitions: 1,
    epoch: 1,
    limits: { ...LIMITS, ...limits },
    now: options.now === undefined ? undefined : () => epochMs(options.now!()),
  });
}

const records = (count: number, from = 0) =>
  Array.from(
    { length: count },
    (_, i) => ({ topic: "t", key: null, value: JSON.stringify([from + i, PAD]) }),
  );

/** The first numbers of all records, in the order of their offsets. */
async function stored(folder: string): Promise<number[]> {
  await using log = new JournalLog(folder);
  const [mark] = await log.watermarks();
  if (mark === undefined) return [];
  const range = { topic: "t", partition: 0, from: mark.low, until: mark.high, maxRecords: 1e6 };
  return (await log.read(range)).records.map((record) => JSON.parse(record.value!)[0]);
}

const count = (folder: string) =>
  [...Deno.readDirSync(folder)].filter((e) => e.name.endsWith(".sqlite")).length;

Deno.test("a journal rolls by size and by age, and offsets go on", () =>
  inFolder(async (folder) => {
    let now = 1_000_000;
    await using sink = await open(folder, { segmentMs: 10_000 }, { now: () => now });
    for (let i = 0; i < 10; i++) await sink.append(records(100, i * 100), POSITION);
    const bySize = sink.stats().segments;
    assert.ok(bySize >= 3, `${bySize} segments`);
    now += 10_001;
    await sink.append(records(1, 1000), POSITION);
    assert.equal(sink.stats().segments, bySize + 1);
    assert.deepEqual(await stored(folder), [...Array(1001).keys()]);
  }));

Deno.test("retention removes what is old and acknowledged, and nothing else (I1)", () =>
  inFolder(async (folder) => {
    let now = 1_000_000;
    await using sink = await open(folder, { segmentBytes: 1, retentionMs: 1000 }, { now: () => now });
    for (let i = 0; i < 6; i++) await sink.append(records(10, i * 10), POSITION);
    now += 5000;
    assert.equal(sink.retain(), 0, "nobody has acknowledged anything");
    sink.acknowledge("one", [{ topic: "t", partition: 0, offset: 35 }]);
    assert.equal(sink.retain(), 3, "three whole segments lie below 35");
    sink.acknowledge("two", [{ topic: "t", partition: 0, offset: 0 }]);
    sink.acknowledge("one", [{ topic: "t", partition: 0, offset: 60 }]);
    assert.equal(sink.retain(), 0, "the other group still needs them");
    sink.acknowledge("two", [{ topic: "t", partition: 0, offset: 50 }]);
    assert.equal(sink.retain(), 2);
    assert.deepEqual(await stored(folder), [50, 51, 52, 53, 54, 55, 56, 57, 58, 59]);
    assert.equal(sink.stats().topics[0]!.low, 50);
  }));

Deno.test("acknowledgements survive a restart, and a new journal knows nothing of an old one's", () =>
  inFolder(async (folder) => {
    const limits = { segmentBytes: 1, retentionMs: 0, retentionBytes: 0 };
    {
      await using sink = await open(folder, limits);
      for (let i = 0; i < 3; i++) await sink.append(records(10, i * 10), POSITION);
      sink.acknowledge("one", [{ topic: "t", partition: 0, offset: 20 }]);
    }
    {
      await using sink = await open(folder, limits);
      assert.equal(sink.retain(), 2);
    }
    for (const { name } of [...Deno.readDirSync(folder)]) {
      if (name !== "acknowledged.json") Deno.removeSync(`${folder}/${name}`);
    }
    await using sink = await open(folder, limits);
    for (let i = 0; i < 3; i++) await sink.append(records(10, i * 10), POSITION);
    assert.equal(sink.retain(), 0, "the old journal's positions count for nothing");
  }));

Deno.test("a full journal refuses, keeps what is unread, and goes on after an acknowledgement (I10)", () =>
  inFolder(async (folder) => {
    await using sink = await open(folder, { retentionBytes: 100_000, maxBytes: 1_500_000 });
    let appended = 0;
    const fill = async () => {
      for (;;) {
        await sink.append(records(100, appended), POSITION);
        appended += 100;
      }
    };
    await assert.rejects(fill, { code: "capture.journal_full", retry: "retry" });
    assert.ok(appended > 0);
    assert.deepEqual((await stored(folder)).length, appended, "nothing was removed");
    await assert.rejects(() => sink.append(records(100, appended), POSITION), {
      code: "capture.journal_full",
      hint: /consumer/,
    });
    // A position alone needs no room: the slot may still move on.
    await sink.append([], { ...POSITION, acknowledgedLsn: "0/2" });
    sink.acknowledge("one", [{ topic: "t", partition: 0, offset: appended }]);
    await sink.append(records(100, appended), POSITION);
    const kept = await stored(folder);
    assert.equal(kept[kept.length - 1], appended + 99);
    assert.ok(sink.stats().bytes < 1_500_000);
  }));

Deno.test("a batch is bounded, however much is appended at once (I10)", () =>
  inFolder(async (folder) => {
    {
      await using sink = await open(folder);
      await sink.append(records(2500), POSITION);
    }
    using db = new DatabaseSync(`${folder}/${segmentFile(1)}`);
    const { records: most, chars } = db.prepare(
      "SELECT max(count) AS records, max(length(records)) AS chars FROM batches",
    )
      .get() as { records: number; chars: number };
    assert.ok(most <= 1000 && chars <= 600_000, `${most} records, ${chars} characters`);
    assert.deepEqual(await stored(folder), [...Array(2500).keys()]);
  }));

Deno.test("time never falls in the journal, whatever the clock does", () =>
  inFolder(async (folder) => {
    let now = 5000;
    await using sink = await open(folder, {}, { now: () => now });
    await sink.append(records(1, 0), POSITION);
    now = 1000;
    await sink.append(records(1, 1), POSITION);
    now = 6000;
    await sink.append(records(1, 2), POSITION);
    await using log = new JournalLog(folder);
    assert.deepEqual(await log.offsetsAt("t", 5001), [{ topic: "t", partition: 0, offset: 2 }]);
    assert.deepEqual(await log.offsetsAt("t", 5000), [{ topic: "t", partition: 0, offset: 0 }]);
  }));

Deno.test("fault `fenced`: the process that opened the journal last is the one that writes", () =>
  inFolder(async (folder) => {
    await using first = await open(folder);
    await first.append(records(1, 0), POSITION);
    await using second = await open(folder);
    await assert.rejects(() => first.append(records(1, 1), POSITION), { code: "capture.fenced" });
    await second.append(records(1, 1), POSITION);
    assert.deepEqual(await stored(folder), [0, 1]);
  }));

Deno.test("fault `crash between seal and begin`: the next start begins the segment", () =>
  inFolder(async (folder) => {
    {
      await using sink = await open(folder);
      await sink.append(records(2), POSITION);
    }
    {
      using db = new DatabaseSync(`${folder}/${segmentFile(1)}`);
      db.exec("UPDATE segment SET sealed = 1");
    }
    Deno.writeTextFileSync(`${folder}/${segmentFile(2)}.new`, "half a draft");
    await using sink = await open(folder);
    assert.deepEqual(await sink.position(), POSITION);
    await sink.append(records(1, 2), POSITION);
    assert.equal(count(folder), 2);
    assert.deepEqual(await stored(folder), [0, 1, 2]);
  }));

Deno.test("fault `torn batch`: writer and reader name the segment and the remedy", () =>
  inFolder(async (folder) => {
    {
      await using sink = await open(folder);
      await sink.append(records(2), POSITION);
    }
    {
      using db = new DatabaseSync(`${folder}/${segmentFile(1)}`);
      db.exec("UPDATE batches SET records = substr(records, 1, 500)");
    }
    const torn = { retry: "operator", message: /segment-0000000001\.sqlite.*t partition 0 offset 0 is torn/ };
    await assert.rejects(() => open(folder), { code: "capture.journal_corrupt", ...torn });
    await assert.rejects(() => stored(folder), { code: "log.corrupt_segment", ...torn });
  }));

Deno.test("fault `torn file`: a segment cut short, or of other bytes, is named", () =>
  inFolder(async (folder) => {
    {
      await using sink = await open(folder);
      await sink.append(records(300), POSITION);
    }
    const path = `${folder}/${segmentFile(1)}`;
    Deno.truncateSync(path, 20_000);
    await assert.rejects(() => open(folder), {
      code: "capture.journal_corrupt",
      message: /segment-0000000001/,
    });
    Deno.writeTextFileSync(path, "not a database, but long enough to be looked at".repeat(100));
    await assert.rejects(() => open(folder), { code: "capture.journal_corrupt", hint: /move it away/ });
    await assert.rejects(() => stored(folder), { code: "log.corrupt_segment" });
  }));

Deno.test("a folder of another format, or of another origin, is refused by name (I8)", () =>
  inFolder(async (folder) => {
    {
      await using sink = await open(folder);
      await sink.append(records(1), POSITION);
    }
    const other: Origin = { kind: "live", id: "binance", label: "Binance" };
    await assert.rejects(() => open(folder, {}, { origin: other }), {
      code: "capture.journal_origin",
      message: /"seed 1" \(exchange one\).*"Binance" \(live binance\)/,
      hint: /data folder/,
    });
    await using log = new JournalLog(folder, { origin: other });
    await assert.rejects(() => log.watermarks(), { code: "log.origin" });
    {
      using db = new DatabaseSync(`${folder}/${segmentFile(1)}`);
      db.exec("UPDATE segment SET format = 9");
    }
    await assert.rejects(() => open(folder), { code: "capture.journal_format", message: /format is 9/ });
    await assert.rejects(() => stored(folder), { code: "log.format", message: /format is 9/ });
  }));

const tmpfs = smallDisk();
Deno.test({
  name: `fault \`disk full\`: the append is refused whole, and succeeds once there is room${
    tmpfs === undefined ? " (skipped: no right to mount a small tmpfs)" : ""
  }`,
  ignore: tmpfs === undefined,
  async fn() {
    try {
      await using sink = await open(tmpfs!, { segmentBytes: 300_000 });
      const ballast = `${tmpfs}/ballast`;
      Deno.writeFileSync(ballast, new Uint8Array(1_000_000));
      let appended = 0;
      const fill = async () => {
        for (;; appended += 50) await sink.append(records(50, appended), POSITION);
      };
      await assert.rejects(fill, { code: "capture.storage", retry: "retry", hint: /Free space/ });
      assert.ok(appended > 0, "something fitted");
      for (let i = 0; i < 3; i++) {
        await assert.rejects(() => sink.append(records(50, appended), POSITION), { code: "capture.storage" });
      }
      Deno.removeSync(ballast);
      await sink.append(records(50, appended), POSITION);
      assert.deepEqual(await stored(tmpfs!), [...Array(appended + 50).keys()]);
    } finally {
      new Deno.Command("umount", { args: ["-l", tmpfs!] }).outputSync();
      Deno.removeSync(tmpfs!, { recursive: true });
    }
  },
});

/** A file system of 2.5 MB; undefined where this user may not mount one. */
function smallDisk(): string | undefined {
  const folder = Deno.makeTempDirSync();
  const mounted = new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=2500k", "tmpfs", folder],
    stdout: "null",
    stderr: "null",
  });
  try {
    if (mounted.outputSync().success) return folder;
  } catch {
    // No mount command here.
  }
  Deno.removeSync(folder);
  return undefined;
}
