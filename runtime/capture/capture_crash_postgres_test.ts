import assert from "node:assert/strict";
import { JournalLog } from "../consumer/log/journal.ts";
import { CapturedPostgres, journalRecords } from "../tests/captured_postgres.ts";
import { eventually } from "../tests/until.ts";
import { seededRandom, testSeed } from "../tests/seed.ts";
import { spawnCapture } from "../tests/spawned_capture.ts";
import type { CaptureConfig } from "./config.ts";

const seed = testSeed("capture_crash");
const SYMBOLS = ["AUSDT", "BUSDT", "CUSDT", "DUSDT"];

/** With exactly the permissions that its manifest asks for. */
function spawn(postgres: CapturedPostgres, journal: string, config: Partial<CaptureConfig>) {
  const { host, port } = postgres.server;
  Deno.mkdirSync(journal, { recursive: true });
  return spawnCapture(
    [`--allow-net=${host}:${port}`, `--allow-read=${journal}`, `--allow-write=${journal}`],
    postgres.parameters(journal, config),
  );
}

/** How many records the journal has: the progress that kills go by. */
async function progress(journal: string): Promise<number> {
  await using log = new JournalLog(journal);
  return (await log.watermarks()).reduce((sum, { high }) => sum + high, 0);
}

Deno.test("kill -9 of capture loses no change, and repeats none in the journal (I1, I5)", async () => {
  await using postgres = await CapturedPostgres.start();
  const { owner } = postgres;
  await owner.query("CREATE TABLE crash (symbol text, id int, n int, PRIMARY KEY (symbol, id))");
  await owner.query("ALTER TABLE crash REPLICA IDENTITY FULL");
  await postgres.publish("crash");
  const journal = postgres.journal();
  // Small parts, so that large transactions are cut by kills; small segments, so that rolls are.
  const config = {
    slot: "crash",
    maxPendingChars: 65_536,
    journal: {
      segmentBytes: 1_000_000,
      segmentMs: 3_600_000,
      retentionMs: 0,
      retentionBytes: 65_536,
      maxBytes: 2 ** 32,
    },
  };
  const random = seededRandom(seed);
  const expected = new Map<string, string[]>(SYMBOLS.map((symbol) => [symbol, []]));
  let child = spawn(postgres, journal, config);
  await eventually(
    async () =>
      (await owner.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'crash' AND active"))
        .rowCount === 1,
    "the stream does not start",
  );

  let written = 0;
  let nextId = 0;
  const load = async (changes: number) => {
    for (const until = written + changes; written < until;) {
      // Most transactions are small, some have thousands of changes.
      const size = random() < 0.1 ? 2000 : 1 + Math.floor(random() * 40);
      const symbol = SYMBOLS[Math.floor(random() * SYMBOLS.length)]!;
      const log = expected.get(symbol)!;
      const from = nextId;
      nextId += size;
      await owner.query("BEGIN");
      await owner.query(
        "INSERT INTO crash SELECT $1, g, 0 FROM generate_series($2::int, $3::int) g",
        [symbol, from, from + size - 1],
      );
      for (let id = from; id < from + size; id++) log.push(`c${id}`);
      if (random() < 0.5) {
        await owner.query("UPDATE crash SET n = 1 WHERE symbol = $1 AND id = $2", [symbol, from]);
        log.push(`u${from}`);
      }
      if (random() < 0.3) {
        await owner.query("DELETE FROM crash WHERE symbol = $1 AND id = $2", [symbol, from]);
        log.push(`d${from}`);
      }
      await owner.query("COMMIT");
      written += size;
    }
  };
  const kills = 6;
  let killedWithin = 0;
  for (let i = 0; i < kills; i++) {
    const before = await progress(journal);
    const point = before + 1 + Math.floor(random() * 4000);
    const loading = load(5000);
    await eventually(async () => await progress(journal) >= point, "the journal does not grow");
    await child.kill();
    await loading;
    const reached = await progress(journal);
    if (reached < [...expected.values()].flat().length) killedWithin++;
    child = spawn(postgres, journal, config);
  }
  const total = [...expected.values()].flat().length;
  await eventually(async () => await progress(journal) >= total, () => `fewer than ${total} records came`);
  await load(10);
  const all = [...expected.values()].flat().length;
  await eventually(async () => await progress(journal) >= all, "the last change does not come");
  await child.stop();
  assert.ok(killedWithin > 0, "no kill hit a running load: the test proves nothing");

  const records = await journalRecords(journal, ["binance.public.crash"]);
  const found = new Map<string, string[]>(SYMBOLS.map((symbol) => [symbol, []]));
  for (const { key, value } of records) {
    found.get(String(key!.symbol))!.push(`${value.op}${(value.after ?? value.before)!.id}`);
  }
  for (const symbol of SYMBOLS) assert.deepEqual(found.get(symbol), expected.get(symbol), symbol);
  await postgres.dropSlot("crash");
});

Deno.test("kill -9 within the initial snapshot: it begins again, and a reader ends at the table (I2)", async () => {
  await using postgres = await CapturedPostgres.start();
  const { owner } = postgres;
  await owner.query("CREATE TABLE snap (symbol text, id int PRIMARY KEY, version bigint, pad text)");
  await owner.query("ALTER TABLE snap REPLICA IDENTITY FULL");
  await owner.query(
    "INSERT INTO snap SELECT 'AUSDT', g, 0, repeat('x', 200) FROM generate_series(1, 20000) g",
  );
  await postgres.publish("snap");
  const journal = postgres.journal();
  const config = { slot: "snap", snapshotFetchSize: 100 };
  const random = seededRandom(seed + 1);
  // Rows change, come and go while the snapshot is read.
  const writing = new AbortController();
  const writer = (async () => {
    for (let n = 1; !writing.signal.aborted; n++) {
      const id = 1 + Math.floor(random() * 20_000);
      await owner.query("UPDATE snap SET version = $1 WHERE id = $2", [n, id]);
      await owner.query("DELETE FROM snap WHERE id = $1", [1 + Math.floor(random() * 20_000)]);
      await owner.query("INSERT INTO snap VALUES ('AUSDT', $1, $2, 'new')", [100_000 + n, n]);
    }
  })();
  let interrupted = 0;
  for (const share of [0.1, 0.5]) {
    const before = await progress(journal).catch(() => 0);
    const child = spawn(postgres, journal, config);
    const point = before + 20_000 * share * (0.5 + random());
    await eventually(
      async () => await progress(journal).catch(() => 0) >= point,
      "the snapshot does not grow",
    );
    await child.kill();
    interrupted++;
  }
  const child = spawn(postgres, journal, config);
  const done = async () =>
    (await owner.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'snap' AND active"))
      .rowCount === 1;
  await eventually(done, "the stream does not start");
  writing.abort();
  await writer;
  await owner.query("INSERT INTO snap VALUES ('AUSDT', 0, 1, 'last')");
  const state = new Map<unknown, string>();
  await eventually(async () => {
    state.clear();
    for (const { value } of await journalRecords(journal, ["binance.public.snap"])) apply(state, value);
    return state.has(0);
  }, "the last change does not come");
  await child.stop();
  assert.equal(interrupted, 2);
  const rows = (await owner.query("SELECT id, version, pad FROM snap ORDER BY id")).rows;
  assert.deepEqual(
    [...state].sort(([a], [b]) => Number(a) - Number(b)).map(([, row]) => row),
    rows.map((row) => `${row.id} ${row.version} ${row.pad}`),
  );
  await postgres.dropSlot("snap");
});

/** What a store does that keeps rows by version (I2): older ones never replace newer ones, a delete removes. */
function apply(
  state: Map<unknown, string>,
  value: { op: string; before: Record<string, unknown> | null; after: Record<string, unknown> | null },
): void {
  const { before, after } = value;
  if (after === null) {
    state.delete(before!.id);
    return;
  }
  const known = state.get(after.id);
  if (known !== undefined && Number(known.split(" ")[1]) > Number(after.version)) return;
  state.set(after.id, `${after.id} ${after.version} ${after.pad}`);
}
