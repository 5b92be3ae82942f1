import assert from "node:assert/strict";
import { CandlewireError } from "../error.ts";
import type { EpochMs } from "../market/epoch.ts";
import { memoryContext } from "../host/memory_context.ts";
import { eventually } from "../tests/until.ts";
import { type Chore, Chores } from "./chores.ts";
import { ConsumerHealth } from "./consumer_health.ts";
import { MemoryLog } from "./log/memory.ts";
import { MemoryMarketStore } from "./store/memory.ts";
import { startConsumer, tradeRecord } from "./testing/consumer_rig.ts";

const away = () => new CandlewireError("store.unavailable", "Read windows: no answer", { retry: "retry" });
const alone = () => Promise.resolve(true);

/** Chores on a clock of the test's. */
function rigOf(...chores: Chore[]) {
  const clock = { now: 0 };
  const { log, health, metrics, signal } = memoryContext({});
  const options = { signal, retryMinMs: 100, retryMaxMs: 1000 };
  const told = new ConsumerHealth({ ...options, report: { log, health, metrics }, blocked: () => [] });
  return {
    clock,
    chores: new Chores(chores, { ...options, health: told, now: () => clock.now as EpochMs }),
  };
}

Deno.test("a chore that fails for what time mends rests, longer each time, while others go on; then it is as before", async () => {
  let down = true;
  const done: string[] = [];
  const { chores, clock } = rigOf({
    name: "windows",
    async step() {
      done.push("windows");
      if (down) throw away();
      return false;
    },
  }, { name: "other", step: async () => (done.push("other"), true) });
  const rests: number[] = [];
  for (let last = NaN; rests.length < 6; clock.now += 10) {
    done.length = 0;
    assert.equal(await chores.turn(true, alone), true);
    assert.ok(done.includes("other"));
    assert.equal(chores.problem?.message, "windows: Read windows: no answer");
    if (!done.includes("windows")) continue;
    if (!Number.isNaN(last)) rests.push(clock.now - last);
    last = clock.now;
  }
  // 100 ms doubled each time, the upper half of it, at most a second; looked at each 10 ms.
  for (const [at, ms] of rests.entries()) {
    const longest = Math.min(1000, 100 * 2 ** at);
    assert.ok(ms >= longest / 2 && ms <= longest + 20, `${rests}`);
  }
  clock.now += 1000;
  down = false;
  await chores.turn(true, alone);
  assert.equal(chores.problem, undefined);
});

Deno.test("a chore that failed and is not due any more, as when another consumer does it now, is no trouble", async () => {
  let leads = true;
  const { chores } = rigOf({ name: "prune", due: () => leads, step: () => Promise.reject(away()) });
  await chores.turn(true, alone);
  assert.equal(chores.problem?.code, "store.unavailable");
  leads = false;
  assert.equal(await chores.turn(true, alone), false);
  assert.equal(chores.problem, undefined);
});

Deno.test("a slow step that fails rests four times as long as it took", async () => {
  const { chores, clock } = rigOf({
    name: "windows",
    async step() {
      await new Promise((resolve) => setTimeout(resolve, 400));
      throw away();
    },
  });
  await chores.turn(true, alone);
  let steps = 0;
  const counting = () => (steps++, alone());
  clock.now = 1590;
  await chores.turn(true, counting);
  assert.equal(steps, 0);
});

Deno.test("a write that failed ends the turn before a chore that uses the store, and what no waiting mends is thrown", async () => {
  const steps: string[] = [];
  const step = (name: string) => () => Promise.resolve((steps.push(name), true));
  const { chores } = rigOf({ name: "beside", beside: true, step: step("beside") }, {
    name: "store",
    step: step("store"),
  });
  assert.equal(await chores.turn(true, () => Promise.resolve(false)), undefined);
  assert.deepEqual(steps, ["beside"]);
  const full = new CandlewireError("store.revisions_exhausted", "Take a revision", { retry: "operator" });
  await assert.rejects(
    rigOf({ name: "replay", step: () => Promise.reject(full) }).chores.turn(true, alone),
    full,
  );
});

Deno.test("rows are stored while a chore finds no answer, and the consumer says so until it does", async () => {
  const log = new MemoryLog(1);
  const store = new MemoryMarketStore();
  let down = true;
  const rig = startConsumer(log, store, {
    chores: [{ name: "windows", step: () => down ? Promise.reject(away()) : Promise.resolve(false) }],
  });
  await eventually(() => rig.context.state.health === "degraded", "the trouble");
  assert.match(rig.context.state.detail, /^windows: Read windows: no answer/);
  log.append([1, 2, 3].map((id) => tradeRecord(id)));
  await eventually(() => store.rows("recent_trades").length === 3, "three trades");
  assert.equal(rig.context.state.health, "degraded");
  down = false;
  await eventually(() => rig.context.state.health === "running", "its end");
  await rig.stop();
});
