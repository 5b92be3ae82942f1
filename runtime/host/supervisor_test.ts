import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CandlewireError } from "../error.ts";
import { openHost, until } from "../tests/fault/host_fixture.ts";

/** Writes built-in modules into a folder; each main is the body of `main(context)`. */
async function builtIns(mains: Record<string, string>, manifest: Record<string, unknown> = {}) {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-built-in-" });
  const modules = [];
  for (const [name, main] of Object.entries(mains)) {
    await Deno.writeTextFile(
      join(folder, `${name}.ts`),
      `export default async function main(context: any) {\n${main}\n}\n`,
    );
    const manifestFile = join(folder, `${name}.json`);
    await Deno.writeTextFile(
      manifestFile,
      JSON.stringify({ name, version: "1.0.0", kind: "producer", entry: `${name}.ts`, ...manifest }),
    );
    modules.push({ manifestFile, parameters: { greeting: "hello" }, secrets: { password: "very-secret" } });
  }
  return { modules, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

const RUN =
  "if (!context.signal.aborted) await new Promise((ok) => context.signal.addEventListener('abort', ok));";
const READY = "context.health('running', 'ready');";

Deno.test("modules call each other and the host; errors keep their code, and events arrive", async () => {
  await using made = await builtIns({
    a: `context.handle("echo", (p, from) => ({ p, from, greeting: context.parameters.greeting }));
      context.handle("fail", async () => { const { CandlewireError } = await import(${
      JSON.stringify(new URL("../error.ts", import.meta.url).href)
    }); throw new CandlewireError("a.broken", "Do it: no", { retry: "operator", hint: "Mend it" }); });
      context.handle("publish", () => context.publish("trades", { symbol: "BTCUSDT" }));
      ${READY}${RUN}`,
    b: `context.handle("relay", (p) => context.call("a", p.method, p.value));
      context.handle("host", (p) => context.call("host", "add", p)); ${READY}${RUN}`,
  });
  await using fixture = await openHost({
    modules: made.modules,
    hostHandlers: { add: (numbers) => (numbers as number[]).reduce((sum, n) => sum + n, 0) },
  });
  const { host } = fixture;
  assert.deepEqual(await host.call("b", "relay", { method: "echo", value: [1, "é"] }), {
    p: [1, "é"],
    from: "b",
    greeting: "hello",
  });
  assert.equal(await host.call("b", "host", [1, 2, 3]), 6);
  await assert.rejects(host.call("b", "relay", { method: "fail" }), (error: CandlewireError) => {
    assert.deepEqual([error.code, error.retry, error.hint], ["a.broken", "operator", "Mend it"]);
    return true;
  });
  await assert.rejects(host.call("b", "relay", { method: "nothing" }), { code: "host.unknown_method" });
  await assert.rejects(host.call("c", "x", {}), { code: "host.unknown_module" });
  const events: unknown[] = [];
  host.onEvent((channel, event, from) => events.push([channel, event, from]));
  await host.call("a", "publish", {});
  await until("the event", () => events.length === 1);
  assert.deepEqual(events, [["trades", { symbol: "BTCUSDT" }, "a"]]);
});

Deno.test("calls beyond the credit wait, in both directions, and all are answered", async () => {
  await using made = await builtIns({
    a: `let now = 0, most = 0;
      context.handle("work", async () => { most = Math.max(most, ++now); await new Promise((ok) => setTimeout(ok, 1)); now--; return most; });
      ${READY}${RUN}`,
    b: `context.handle("many", async (n) => (await Promise.all(Array.from({ length: n }, () => context.call("a", "work", {})))).at(-1));
      ${READY}${RUN}`,
  });
  await using fixture = await openHost({ modules: made.modules });
  const most = await fixture.host.call("b", "many", 900) as number;
  assert.ok(most <= 64, `I10: ${most} in flight`);
  const direct = await Promise.all(Array.from({ length: 300 }, () => fixture.host.call("a", "work", {})));
  assert.ok(Math.max(...direct as number[]) <= 64);
});

Deno.test("a module that writes large calls to one that writes large calls back does not block", async () => {
  const both = (other: string) =>
    `context.handle("sink", (p) => p);
     context.handle("pump", async () => { const big = "x".repeat(1_000_000);
       const got = await Promise.all(Array.from({ length: 20 }, () => context.call("${other}", "sink", big)));
       return got.every((text) => text.length === big.length); }); ${READY}${RUN}`;
  await using made = await builtIns({ a: both("b"), b: both("a") }, { memoryMb: 1024 });
  await using fixture = await openHost({ modules: made.modules });
  const done = await Promise.all([fixture.host.call("a", "pump", {}), fixture.host.call("b", "pump", {})]);
  assert.deepEqual(done, [true, true]);
});

Deno.test("a crash restarts the module with a higher epoch, within its budget; then it has failed and says why", async () => {
  await using made = await builtIns(
    {
      a: `context.handle("crash", () => setTimeout(() => { throw new Error("on purpose"); })); ${READY}${RUN}`,
    },
    { restart: { budget: 2, windowMs: 60_000 } },
  );
  await using fixture = await openHost({ modules: made.modules });
  const { host } = fixture;
  const states: string[] = [];
  host.onChange(({ state }) => states.push(state));
  for (const restarts of [1, 2]) {
    const { epoch } = host.module("a")!;
    await host.call("a", "crash", {}).catch(() => {});
    await until(
      "the restart",
      () => host.module("a")!.restarts === restarts && host.module("a")!.state === "running",
    );
    assert.ok(host.module("a")!.epoch > epoch, "fencing");
  }
  await host.call("a", "crash", {}).catch(() => {});
  await until("the end of the budget", () => host.module("a")!.state === "failed");
  const status = host.module("a")!;
  assert.match(status.detail, /on purpose/);
  assert.deepEqual([status.lastExit?.cause, status.restartBudget, status.pid], ["error", 0, null]);
  await assert.rejects(host.call("a", "crash", {}), { code: "host.unreachable" });
  assert.deepEqual([...new Set(states)], ["backing_off", "starting", "running", "failed"]);
  await host.restart("a");
  assert.equal(host.module("a")!.state, "running");
});

Deno.test("the epoch rises also over restarts of the host", async () => {
  await using made = await builtIns({ a: `${READY}${RUN}` });
  const folder = await Deno.makeTempDir();
  const epochs: number[] = [];
  for (let round = 0; round < 3; round++) {
    await using fixture = await openHost({ modules: made.modules, folder });
    epochs.push(fixture.host.module("a")!.epoch);
  }
  assert.deepEqual(epochs, [1, 2, 3]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("stop drains; what does not end by its deadline is killed", async () => {
  await using made = await builtIns({
    drains: `${READY}${RUN} context.log("info", "drained"); context.metrics.count("last_total");`,
    stays: `${READY} await new Promise(() => {});`,
  });
  await using fixture = await openHost({ modules: made.modules, config: { drainMs: 10_000 } });
  const { host } = fixture;
  await Promise.all([host.stop("drains"), host.stop("stays")]);
  assert.equal(host.module("drains")!.lastExit?.cause, "stopped");
  assert.ok(host.logs("drains").some((line) => line.message === "drained"));
  assert.equal(host.module("drains")!.metrics.last_total, 1, "the last metrics arrive");
  assert.equal(host.module("stays")!.lastExit?.cause, "drain_deadline");
  assert.equal(host.module("stays")!.state, "stopped");
});

Deno.test("a built-in module has its packages, no environment, its log on stderr, and keeps secrets out of sight (I6)", async () => {
  await using made = await builtIns({
    a: `console.log("printed"); console.table([1]);
      context.handle("look", () => ({ env: Object.keys(Deno.env.toObject()), args: [...Deno.args, Deno.mainModule],
        read: (() => { try { Deno.readTextFileSync("/etc/hostname"); return "open"; } catch (e) { return e.name; } })(),
        secret: context.secrets.password === "very-secret" })); ${READY}${RUN}`,
  });
  await using fixture = await openHost({ modules: made.modules });
  const { host, folder } = fixture;
  const look = await host.call("a", "look", {}) as Record<string, unknown>;
  assert.deepEqual([look.env, look.read, look.secret], [[], "NotCapable", true]);
  await until("the console's lines", () => host.logs("a").some((line) => line.message === "printed"));
  const told = JSON.stringify([look.args, host.modules(), host.logs("a"), host.metricsText()]);
  assert.ok(!told.includes("very-secret"));
  assert.ok(
    !await Deno.readTextFile(join(folder, "data/run/a/main.ts")).then((text) => text.includes("very-secret")),
  );
  const argumentsOf = await Deno.readTextFile(`/proc/${host.module("a")!.pid}/cmdline`).catch(() => "");
  assert.ok(!argumentsOf.includes("very-secret"));
});

Deno.test("a module that does not load says why, and does not hold up the others", async () => {
  await using made = await builtIns({ a: `${READY}${RUN}`, b: "throw new TypeError('no such thing');" }, {
    restart: { budget: 0, windowMs: 1000 },
  });
  await assert.rejects(openHost({ modules: made.modules }), {
    code: "host.start_failed",
    message: /no such thing/,
  });
});

Deno.test("manifest and settings faults are named before anything runs", async () => {
  await using made = await builtIns({ a: READY }, { permissions: { net: ["${postgres}"] } });
  await assert.rejects(openHost({ modules: made.modules }), { code: "permission.unknown_reference" });
  await assert.rejects(openHost({ config: { hangMs: 1 } }), { code: "host.bad_config", message: /hangMs/ });
});

Deno.test("kill -9 of the host leaves no child behind, not even one that spins", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const script = fileURLToPath(new URL("../tests/fault/doomed_host.ts", import.meta.url));
  const doomed = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  for await (const chunk of doomed.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  const { pids, folder } = JSON.parse(text) as { pids: number[]; folder: string };
  assert.equal(pids.length, 3);
  for (const pid of pids) assert.ok(alive(pid));
  doomed.kill("SIGKILL");
  await doomed.status;
  await until("the end of the children", () => !pids.some(alive), 10_000);
  await Deno.remove(folder, { recursive: true });
});

/** False also for a zombie that its new parent has not waited for. */
function alive(pid: number): boolean {
  try {
    return !/\) Z /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

Deno.test("a wall clock that is set back by an hour does not keep a module that crashed from starting again", async () => {
  await using made = await builtIns({
    a: `context.handle("die", () => { setTimeout(() => { throw new Error("told to die"); }, 1); return {}; }); ${READY}${RUN}`,
  }, { restart: { budget: 5, windowMs: 60_000 } });
  await using fixture = await openHost({ modules: made.modules });
  const { host } = fixture;
  const state = () => host.modules().find(({ name }) => name === "a")!;
  await until("the module to run", () => state().state === "running");
  const wall = Date.now;
  try {
    const backingOff = new Promise<void>((resolve) =>
      host.onChange(({ state }) => {
        if (state === "backing_off") resolve();
      })
    );
    await host.call("a", "die", {});
    await backingOff;
    Date.now = () => wall() - 3_600_000;
    await until("it to run again", () => state().state === "running" && state().restarts === 1);
  } finally {
    Date.now = wall;
  }
});
