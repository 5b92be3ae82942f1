import assert from "node:assert/strict";
import { CandlewireError } from "../../error.ts";
import { UserTransform } from "./user.ts";
import { UserChain, type UserTransformEntry } from "./user_chain.ts";

function rig(entries: UserTransformEntry[] = []) {
  const state = {
    running: [] as unknown,
    unknown: new Set<string>(),
    saved: [] as UserTransformEntry[][],
    full: false,
  };
  const call = async (to: string) => {
    if (to === "host") return state.running;
    if (state.unknown.has(to)) {
      throw new CandlewireError("host.unreachable", `Call ${to}.apply: no such module`, { retry: "retry" });
    }
    throw new CandlewireError("host.unreachable", `Call ${to}.apply: it is backing off`, { retry: "retry" });
  };
  const chain = new UserChain(entries, {
    call,
    create: ({ name, tables }) =>
      new UserTransform(name, {
        tables,
        call,
        signal: new AbortController().signal,
        maxRows: 9,
        timeoutMs: 9,
        attempts: 1,
        minMs: 1,
        maxMs: 1,
      }),
    save: async (all) => {
      if (state.full) throw new CandlewireError("store.unavailable", "Save: disk full", { retry: "retry" });
      state.saved.push(all);
    },
    onChange: () => {},
  });
  const turn = async () => {
    await chain.ask();
    await chain.apply();
    return chain.transforms.map(({ name }) => name);
  };
  return { state, chain, turn };
}

const CHANGE = {
  table: "latest_prices" as const,
  kind: "upsert" as const,
  row: { symbol: "A", price: "1", updated_at: 1, last_trade_id: 0, version: 1 } as never,
  version: 1,
  topic: "t",
  partition: 0,
  offset: 0,
};

Deno.test("transforms come while it runs, in the order of their names; a list out of shape changes nothing", async () => {
  const { state, turn, chain } = rig();
  assert.deepEqual(await turn(), []);
  state.running = [{ name: "b", tables: ["klines"] }, { name: "a", tables: ["latest_prices"] }];
  assert.deepEqual(await turn(), ["a", "b"]);
  const [a] = chain.transforms;
  state.running = { not: "a list" };
  assert.deepEqual(await turn(), ["a", "b"]);
  state.running = [{ name: "b", tables: ["latest_prices"] }, { name: 5 }, null];
  assert.deepEqual(await turn(), ["a", "b"]);
  assert.equal(chain.transforms[0], a, "what did not change is kept");
  assert.deepEqual(chain.transforms[1]!.tables, ["latest_prices"]);
  assert.equal(state.saved.length, 2);
});

Deno.test("one that died stays in the chain and holds its rows; one that was taken away lets them pass", async () => {
  const { state, turn, chain } = rig([{ name: "a", tables: ["latest_prices"] }]);
  assert.deepEqual(await turn(), ["a"], "known from before, not listed: it stays");
  const pending = chain.transforms[0]!.apply([CHANGE]);
  const winner = await Promise.race([
    pending,
    new Promise((resolve) => setTimeout(() => resolve("held"), 30)),
  ]);
  assert.equal(winner, "held");
  state.unknown.add("a");
  assert.deepEqual((await pending).map(({ kind }) => kind), ["keep"]);
  assert.deepEqual(await turn(), []);
  assert.deepEqual(state.saved.at(-1), []);
});

Deno.test("a transform whose coming could not be saved comes with the next turn: rows must not pass by it", async () => {
  const { state, turn } = rig();
  state.running = [{ name: "filter", tables: ["klines"] }];
  state.full = true;
  await assert.rejects(turn(), /disk full/);
  state.full = false;
  assert.deepEqual(await turn(), ["filter"]);
  assert.deepEqual(state.saved, [[{ name: "filter", tables: ["klines"] }]]);
});
