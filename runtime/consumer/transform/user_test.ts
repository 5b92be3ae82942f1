import assert from "node:assert/strict";
import { CandlewireError } from "../../error.ts";
import type { EpochMs } from "../../market/epoch.ts";
import type { Change } from "./transform.ts";
import { UserTransform } from "./user.ts";
import type { UserOutcome, UserRequest } from "./user_protocol.ts";

const T0 = 1_723_161_600_000;

function trade(id: number): Change {
  return {
    table: "recent_trades",
    kind: "upsert",
    row: {
      symbol: "BTCUSDT",
      trade_id: id,
      price: "1.50",
      quantity: "2",
      trade_time: T0 + id as EpochMs,
      is_buyer_maker: false,
      backfill: false,
    },
    version: (T0 + id) * 1000,
    topic: "t",
    partition: 0,
    offset: id,
  };
}

/** A transform's process: a function a row, and faults. */
function rig(
  apply: (row: Record<string, unknown>) => UserOutcome | "die",
  options: { maxRows?: number; onCall?: (rows: number) => void } = {},
) {
  const state = { calls: 0, crashes: 0, away: 0, late: 0, told: [] as string[] };
  const stop = new AbortController();
  const transform = new UserTransform("mine", {
    tables: ["recent_trades", "unknown"],
    signal: stop.signal,
    maxRows: options.maxRows ?? 100,
    timeoutMs: 1000,
    attempts: 2,
    minMs: 1,
    maxMs: 2,
    onUnavailable: (problem) => state.told.push(problem),
    onCrash: () => state.crashes++,
    async call(_to, _method, parameters) {
      state.calls++;
      if (state.away > 0) {
        state.away--;
        throw new CandlewireError("host.unreachable", "Call mine.apply: the module is backing_off", {
          retry: "retry",
        });
      }
      const { columns, rows } = parameters as UserRequest;
      if (rows.length > 0 && state.late > 0) {
        state.late--;
        throw new CandlewireError("host.timeout", "Call mine.apply: no answer in time", { retry: "retry" });
      }
      options.onCall?.(rows.length);
      const outcomes = rows.map((values) =>
        apply(Object.fromEntries(columns.map((name, at) => [name, values[at]])))
      );
      if (outcomes.includes("die")) {
        throw new CandlewireError("host.unreachable", "Call mine.apply: its process ended", {
          retry: "retry",
        });
      }
      return { outcomes };
    },
  });
  return { transform, state, stop };
}

const values = (row: Record<string, unknown>) => Object.values(row);

Deno.test("a user transform keeps, changes, filters and refuses rows; others pass it by", async () => {
  const { transform } = rig((row) =>
    row.trade_id === 1
      ? [0, values({ ...row, price: "9.00" })]
      : row.trade_id === 2
      ? [1, "small"]
      : row.trade_id === 3
      ? [2, "Error: no"]
      : [0, values(row)]
  );
  assert.deepEqual(transform.tables, ["recent_trades"]);
  const outcomes = await transform.apply([1, 2, 3, 4].map(trade).concat({ ...trade(5), kind: "delete" }));
  assert.deepEqual(outcomes.map(({ kind }) => kind), ["keep", "filter", "fail", "keep", "keep"]);
  const [first] = outcomes;
  assert.equal(first?.kind === "keep" && (first.change.row as { price: string }).price, "9.00");
  assert.deepEqual(outcomes[1], { kind: "filter", rule: "mine:small" });
  assert.deepEqual(outcomes[2], {
    kind: "fail",
    code: "transform.refused",
    message: "Transform mine on recent_trades BTCUSDT 3: Error: no",
  });
});

Deno.test("answers out of shape fail the row, and name the column", async () => {
  const answers: unknown[] = [
    [0, ["BTCUSDT"]],
    "x",
    [7, "x"],
    [0, ["BTCUSDT", 4, 1.5, "2", T0 + 4, false, false]],
    [0, ["BTCUSDT", 99, "1.5", "2", T0 + 5, false, false]],
    [0, ["BTCUSDT", 6, "1.5", "2", T0 + 7, false, false]],
    [1],
  ];
  const { transform } = rig((row) => answers[(row.trade_id as number) - 1] as UserOutcome);
  const outcomes = await transform.apply([1, 2, 3, 4, 5, 6, 7].map(trade));
  assert.ok(outcomes.every((outcome) => outcome.kind === "fail" && outcome.code === "transform.bad_answer"));
  const messages = outcomes.map((outcome) => outcome.kind === "fail" ? outcome.message : "");
  assert.match(messages[3]!, /column price must be decimal text/);
  assert.match(messages[4]!, /column trade_id must stay 5/);
  assert.match(messages[5]!, /column trade_time must stay/);
});

Deno.test("a row that kills the process becomes a dead letter, all others go through", async () => {
  const { transform, state } = rig((row) => row.trade_id === 37 ? "die" : [0, values(row)]);
  const outcomes = await transform.apply(Array.from({ length: 64 }, (_, at) => trade(at)));
  const failed = outcomes.flatMap((outcome, at) => outcome.kind === "fail" ? [[at, outcome.code]] : []);
  assert.deepEqual(failed, [[37, "transform.crashed"]]);
  // The host starts a process five times a minute: a bad row must not take more than two, however large its group is.
  assert.equal(state.crashes, 2);
});

Deno.test("rows that it gets through alone are not held responsible for their group", async () => {
  let rowsOfCall = 0;
  const { transform, state } = rig((row) => rowsOfCall > 1 ? "die" : [0, values(row)], {
    onCall: (rows) => rowsOfCall = rows,
  });
  const outcomes = await transform.apply(Array.from({ length: 20 }, (_, at) => trade(at)));
  assert.ok(outcomes.every(({ kind }) => kind === "keep"));
  assert.equal(state.crashes, 1);
});

Deno.test("a process that is replaced while its rows go one by one is waited for", async () => {
  let calls = 0;
  const { transform, state } = rig(
    (row) => row.trade_id === 5 && state.crashes === 0 ? "die" : [0, values(row)],
    {
      onCall: () => {
        if (++calls === 6) state.away = 3;
      },
    },
  );
  const outcomes = await transform.apply(Array.from({ length: 20 }, (_, at) => trade(at)));
  assert.ok(outcomes.every(({ kind }) => kind === "keep"));
  assert.deepEqual([state.crashes, state.away], [1, 0]);
});

Deno.test("a process that is away is waited for, and no row is held responsible", async () => {
  const { transform, state } = rig((row) => [0, values(row)]);
  state.away = 7;
  const outcomes = await transform.apply([trade(1), trade(2)]);
  assert.deepEqual(outcomes.map(({ kind }) => kind), ["keep", "keep"]);
  assert.equal(state.crashes, 0);
  assert.match(state.told[0]!, /Reach transform mine: .*backing_off/);
});

Deno.test("a stop while the process is away ends the wait with a retryable error, so nothing is set aside", async () => {
  const { transform, state, stop } = rig((row) => [0, values(row)]);
  state.away = Infinity;
  const outcome = transform.apply([trade(1)]);
  stop.abort();
  await assert.rejects(outcome, (error) => error instanceof CandlewireError && error.retry === "retry");
});

Deno.test("rows go in groups of at most maxRows, in order", async () => {
  const { transform, state } = rig((row) => [0, values(row)], { maxRows: 10 });
  const outcomes = await transform.apply(Array.from({ length: 25 }, (_, at) => trade(at)));
  assert.equal(state.calls, 3);
  assert.deepEqual(outcomes.map((outcome) => outcome.kind === "keep" && outcome.change.offset), [
    ...Array(25).keys(),
  ]);
});

Deno.test("an answer that is late once blames no row; one that never comes does", async () => {
  const { transform, state } = rig((row) => [0, values(row)]);
  state.late = 1;
  const outcomes = await transform.apply([trade(1), trade(2)]);
  assert.deepEqual(outcomes.map(({ kind }) => kind), ["keep", "keep"]);
  assert.equal(state.crashes, 0);
  state.late = Infinity;
  const [never] = await transform.apply([trade(3)]);
  assert.equal(never!.kind === "fail" && never!.code, "transform.crashed");
});
