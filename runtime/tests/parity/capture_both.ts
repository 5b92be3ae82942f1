import pg from "pg";
import { Capture } from "../../capture/capture.ts";
import { captureConfig } from "../../capture/config.ts";
import { MemorySink } from "../../capture/sink/memory.ts";
import { memoryContext } from "../../host/memory_context.ts";
import { CapturedPostgres, ORIGIN } from "../captured_postgres.ts";
import { ConnectedPostgres, eventuallyLong } from "../connected_postgres.ts";
import { eventually } from "../until.ts";
import type { RawRecord } from "./normalise.ts";
import { PHASES, SETUP, TABLES } from "./workload.ts";

/** What both captures have in common. */
const CONFIG = { publication: "parity", keyColumns: ["symbol"] };

/** The workload's records as our own capture writes them; the prefix of their topics is `binance`. */
export async function captureOurs(): Promise<RawRecord[]> {
  await using postgres = await CapturedPostgres.start();
  for (const sql of SETUP) await postgres.owner.query(sql);
  await using ours = await startOurs(postgres);
  await runWorkload(postgres.owner, (marker) => ours.reached(marker));
  return ours.sink.records;
}

/** The same by both from one database: Debezium in the shared Connect, and ours. */
export async function captureBoth(): Promise<{ ours: RawRecord[]; debezium: RawRecord[]; prefix: string }> {
  await using connected = await ConnectedPostgres.start(TABLES);
  const { postgres } = connected;
  for (const sql of SETUP) await postgres.owner.query(sql);
  await using keeper = connected.keep({
    capture: connected.capture(CONFIG),
    // A heartbeat's message would move the last commit that the next change names.
    connect: connected.connect({ settings: { "heartbeat.interval.ms": "3600000" } }),
  });
  await using ours = await startOurs(postgres);
  await connected.state(keeper, "running");
  await runWorkload(postgres.owner, async (marker) => {
    await ours.reached(marker);
    await connected.until(
      "p_marker",
      (found) => found.length >= marker,
      `Debezium does not reach marker ${marker}`,
    )
      .catch(async (error) => {
        throw new Error(
          `${error.message}\n${JSON.stringify(await keeper.probe())}\n${
            JSON.stringify(await connected.rest("GET", "/status"))
          }`,
        );
      });
  });
  // The marker's topic may be read before the others.
  let before = -1;
  await eventuallyLong(async () => {
    const count = connected.records.length;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const settled = count === connected.records.length && count === before;
    before = count;
    return settled;
  }, () => "records keep coming");
  return { ours: ours.sink.records, debezium: connected.records, prefix: connected.name };
}

async function startOurs(postgres: CapturedPostgres) {
  const sink = new MemorySink(1);
  const { host, port, database } = postgres.server;
  const context = memoryContext({}, { origin: ORIGIN });
  const capture = new Capture(context, {
    login: { host, port, database, user: "candlewire_capture", password: "c" },
    config: captureConfig.parse({ ...CONFIG, slot: "parity_ours" }),
    sink,
    onAppend: () => {},
  });
  const done = capture.run();
  done.catch(() => {});
  await Promise.race([
    done,
    eventually(
      () => context.state.detail.startsWith("Streaming"),
      () => `our capture does not stream: ${JSON.stringify(context.state)}`,
    ),
  ]);
  return {
    sink,
    async reached(marker: number): Promise<void> {
      await eventually(
        () => sink.records.filter(({ topic }) => topic.endsWith(".p_marker")).length >= marker,
        () => `our capture does not reach marker ${marker}: ${JSON.stringify(context.state)}`,
      );
    },
    async [Symbol.asyncDispose]() {
      context.stop();
      await done;
    },
  };
}

async function runWorkload(owner: pg.Client, reached: (marker: number) => Promise<void>): Promise<void> {
  for (const [index, phase] of PHASES.entries()) {
    for (const step of phase) {
      if (typeof step === "string") await owner.query(step);
      else {
        await owner.query("BEGIN");
        for (const sql of step) await owner.query(sql);
        await owner.query("COMMIT");
      }
    }
    await owner.query("INSERT INTO p_marker VALUES ($1)", [index + 1]);
    await reached(index + 1);
  }
}
