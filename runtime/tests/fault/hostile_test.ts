import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CandlewireError } from "../../error.ts";
import type { HostConfig } from "../../host/config.ts";
import { putFile } from "../put_file.ts";
import { ONE_TRADE, openHost, until } from "./host_fixture.ts";

/**
 * Sandbox truth (I6, I7): each hostile transform is contained and counted, and a well-behaved one that runs beside all
 * of them answers every call correctly meanwhile.
 */

const HOSTILE = fileURLToPath(new URL("./hostile/", import.meta.url));

/** What must come of a hostile file once a row was handed to it. */
type Case = {
  /** It answers, and the row's outcome says this. */
  message?: string;
  /** The call fails with one of these codes. */
  codes?: string[];
  /** One of these is counted at least once. */
  counted: string[];
  /** It cannot even start. */
  atLoad?: boolean;
};

const CASES: Record<string, Case> = {
  net: { message: "denied", counted: ["denied_net"] },
  fs_read: { message: "denied", counted: ["denied_read"] },
  fs_write: { message: "denied", counted: ["denied_write"] },
  env: { message: "denied", counted: ["denied_env"] },
  run: { message: "denied", counted: ["denied_run"] },
  ffi: { message: "denied", counted: ["denied_ffi"] },
  dynamic_import: { message: "denied", counted: ["denied_read"] },
  node_ways: { message: "denied", counted: ["denied_sys"] },
  worker_escape: { message: "denied", counted: ["denied_read"] },
  spin: { codes: ["transform.timeout"], counted: ["exit_timeout"] },
  never_answers: { codes: ["transform.timeout"], counted: ["exit_timeout"] },
  spin_at_load: { atLoad: true, counted: ["exit_start_timeout"] },
  exits_at_once: { atLoad: true, counted: ["exit_exit"] },
  stdout_deno: { codes: ["host.unreachable"], counted: ["exit_protocol"] },
  stdout_fd: { codes: ["host.unreachable"], counted: ["exit_protocol"] },
  stdout_process: { codes: ["host.unreachable"], counted: ["exit_protocol"] },
  garbage: { codes: ["host.unreachable"], counted: ["exit_protocol"] },
  huge_frame: { codes: ["host.unreachable"], counted: ["exit_protocol"] },
  forged_frames: { codes: ["host.unreachable"], counted: ["denied_call", "channel_denied", "exit_protocol"] },
  closes_stdout: {
    codes: ["host.unreachable", "transform.timeout"],
    counted: ["exit_protocol", "exit_timeout", "exit_exit"],
  },
  closes_stdin: {
    codes: ["host.unreachable", "transform.timeout"],
    counted: ["exit_protocol", "exit_timeout", "exit_error"],
  },
  huge_answer: { codes: ["host.frame_too_large"], counted: [] },
  stderr_flood: { codes: ["transform.timeout"], counted: ["log_lines_dropped"] },
  log_flood: { counted: ["log_lines_dropped"] },
  unhandled_rejection: { counted: ["exit_error"] },
  prototype_pollution: {
    codes: ["host.unreachable", "transform.timeout"],
    counted: ["exit_protocol", "exit_timeout", "exit_error"],
  },
};

/** Near its limit V8 may collect garbage for longer than a batch may take elsewhere. */
const BOMBS: Record<string, Case> = {
  heap_bomb: { codes: ["host.unreachable"], counted: ["exit_memory"] },
  heap_bomb_unlimited: { codes: ["host.unreachable"], counted: ["exit_memory"] },
  array_buffer_bomb: { codes: ["host.unreachable"], counted: ["exit_memory"] },
};

const NEIGHBOUR = `export default {
  tables: ["recent_trades"],
  apply: (row) => ({ ...row, quantity: row.quantity + "0" }),
};\n`;

Deno.test("hostile transforms are contained and counted while their neighbour answers every call (I6, I7)", async (t) => {
  // The time limit of a batch must strike well before the watchdog of silence, on a busy machine too.
  await contained(t, CASES, { transformTimeoutMs: 2_500, hangMs: 10_000 });
});

Deno.test("a transform that takes memory without end is ended by its ceiling, however long a batch may take (I6, I7)", async (t) => {
  await contained(t, BOMBS, { transformTimeoutMs: 60_000, hangMs: 60_000 });
});

async function contained(
  t: Deno.TestContext,
  cases: Record<string, Case>,
  config: Partial<HostConfig>,
): Promise<void> {
  await using fixture = await openHost({ config: { transformMemoryMb: 224, ...config } });
  const { host, transformsFolder } = fixture;
  await putFile(join(transformsFolder, "neighbour.ts"), NEIGHBOUR);
  await host.rescan();
  await until("the neighbour", () => host.module("neighbour")?.state === "running");

  const neighbour = { calls: 0, failures: [] as unknown[], slowestMs: 0, on: true };
  const answering = (async () => {
    while (neighbour.on) {
      const begin = performance.now();
      try {
        const answer = await host.call("neighbour", "apply", ONE_TRADE) as { outcomes: unknown[][] };
        assert.equal((answer.outcomes[0]![1] as unknown[])[3], "0.50");
        neighbour.calls++;
      } catch (error) {
        neighbour.failures.push(error);
      }
      neighbour.slowestMs = Math.max(neighbour.slowestMs, performance.now() - begin);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();

  for (const [name, expected] of Object.entries(cases)) {
    await t.step(name, async () => {
      const before = neighbour.calls;
      const target = join(transformsFolder, `${name}.ts`);
      await putFile(target, await Deno.readTextFile(join(HOSTILE, `${name}.ts`)));
      await host.rescan();
      if (!expected.atLoad) {
        await until(`${name} to run`, () => host.module(name)?.state === "running");
        await provoke(name, expected);
      }
      const seen = () => host.module(name)!.violations;
      for (const kinds of expected.counted.length === 0 ? [] : groups(name, expected.counted)) {
        await until(
          () => `${kinds.join(" or ")} of ${name}, counted ${JSON.stringify(seen())}`,
          () => kinds.some((kind) => (seen()[kind] ?? 0) > 0),
        );
      }
      await Deno.remove(target);
      await host.rescan();
      assert.equal(host.module(name), undefined);
      await until("the neighbour to answer", () => neighbour.calls > before);
    });
  }
  await t.step("the neighbour was never disturbed", async () => {
    neighbour.on = false;
    await answering;
    assert.deepEqual(neighbour.failures, []);
    assert.equal(host.module("neighbour")!.restarts, 0);
    assert.deepEqual(host.module("neighbour")!.violations, {});
    console.log(`neighbour: ${neighbour.calls} calls, slowest ${neighbour.slowestMs.toFixed(0)} ms`);
    await assert.rejects(Deno.stat("/tmp/candlewire_hostile_write"), Deno.errors.NotFound);
  });

  async function provoke(name: string, expected: Case): Promise<void> {
    let answer: { outcomes: unknown[][] };
    try {
      answer = await host.call(name, "apply", ONE_TRADE, { timeoutMs: 60_000 }) as typeof answer;
    } catch (error) {
      assert.ok(error instanceof CandlewireError, String(error));
      assert.ok(
        expected.codes?.includes(error.code) ?? expected.message === undefined,
        `${name}: ${error.code}: ${error.message}`,
      );
      return;
    }
    if (expected.message !== undefined) {
      assert.equal(answer.outcomes[0]![0], 2, JSON.stringify(answer));
      assert.match(String(answer.outcomes[0]![1]), new RegExp(`: ${expected.message}$`));
    }
  }
}

Deno.test("a host that was held up itself blames no transform for it", async () => {
  const limitMs = 1_500;
  await using fixture = await openHost({ config: { transformTimeoutMs: limitMs, hangMs: 10_000 } });
  const { host, transformsFolder } = fixture;
  await putFile(
    join(transformsFolder, "works.ts"),
    `export default {
      tables: ["recent_trades"],
      apply(row) {
        console.log("begun");
        for (const end = Date.now() + 100; Date.now() < end;);
        return row;
      },
    };`,
  );
  await host.rescan();
  await until("it to run", () => host.module("works")?.state === "running");
  const answer = host.call("works", "apply", ONE_TRADE);
  await until("it to work", () => host.logs("works").some(({ message }) => message === "begun"));
  for (const end = Date.now() + 2 * limitMs; Date.now() < end;);
  assert.equal((await answer as { outcomes: unknown[][] }).outcomes.length, 1);
  assert.deepEqual(host.module("works")!.violations, {});
  assert.equal(host.module("works")!.restarts, 0);
});

/** All of forged_frames must be counted; of the others one kind is enough, for which comes first is the system's choice. */
function groups(name: string, counted: string[]): string[][] {
  return name === "forged_frames" ? counted.map((kind) => [kind]) : [counted];
}

Deno.test("code that reaches out of its folder is refused before it runs (I6)", async (t) => {
  await using fixture = await openHost();
  const { host, folder, transformsFolder } = fixture;
  const secret = join(folder, "tokens.json");
  await Deno.writeTextFile(secret, JSON.stringify({ operator: "very-secret" }));
  const use =
    "export default { tables: ['recent_trades'], apply() { throw new Error(JSON.stringify(x)); } };";
  const url = new URL(`file://${secret}`).href;
  const nested = `import x from "${url}" with { type: "json" }; export default x`;
  const files: Record<string, string> = {
    secret_as_json: `import x from "${url}" with { type: "json" };\n${use}`,
    secret_as_text: `import x from "${url}" with { type: "text" };\n${use}`,
    secret_by_relative_path: `import x from "../tokens.json" with { type: "json" };\n${use}`,
    secret_by_export: `export * from "${url}";\n${use}`,
    secret_by_literal_import: `const x = await import("${url}", { with: { type: "json" } });\n${use}`,
    secret_through_data: `import x from ${JSON.stringify(`data:application/javascript,${nested}`)};\n${use}`,
    source_of_the_host: `import * as x from ${
      JSON.stringify(new URL("../../error.ts", import.meta.url).href)
    };\n${use}`,
    remote_import: `import x from "https://example.com/mod.ts";\n${use}`,
    remote_dynamic_import: `const x = await import("http://127.0.0.1:1/mod.ts");\n${use}`,
    npm_import: `import x from "npm:left-pad@1.3.0";\n${use}`,
    jsr_import: `import x from "jsr:@std/path";\n${use}`,
    bare_import: `import x from "zod";\n${use}`,
    missing_import: `import x from "./nothing.ts";\n${use}`,
    no_javascript: `export default {{{`,
  };
  for (const [name, text] of Object.entries(files)) {
    await t.step(name, async () => {
      const path = join(transformsFolder, `${name}.ts`);
      await putFile(path, text);
      await host.rescan();
      const problem = host.problems().find((found) => found.path === path);
      assert.ok(problem !== undefined, JSON.stringify(host.problems()));
      assert.match(problem.code, /^module\.(import_refused|unreadable)$/);
      assert.equal(host.module(name), undefined, "it must not run");
      assert.ok(!problem.message.includes("very-secret"));
      await Deno.remove(path);
    });
  }
  await t.step("a symbolic link that leads out", async () => {
    await Deno.mkdir(join(transformsFolder, "lib"));
    await Deno.symlink(secret, join(transformsFolder, "lib", "inside.json"));
    const path = join(transformsFolder, "symlink.ts");
    await putFile(path, `import x from "./lib/inside.json" with { type: "json" };\n${use}`);
    await host.rescan();
    assert.equal(host.problems().find((found) => found.path === path)?.code, "module.import_refused");
    assert.equal(host.module("symlink"), undefined);
  });
});

/** Modules of another kind: they run by themselves, so each does its worst without being asked. */
const MODULES: Record<string, { main: string; counted: string }> = {
  spins: { main: "context.health('running'); await 0; while (true);", counted: "exit_hang" },
  returns_at_once: { main: "", counted: "exit_returned" },
  throws: { main: "throw new Error('by itself');", counted: "exit_error" },
  calls_flood: {
    main: `context.health('running');
      const forge = (id) => { const head = new TextEncoder().encode(JSON.stringify({ id, to: "slow", method: "x" }));
        const bytes = new Uint8Array(9 + head.length); const view = new DataView(bytes.buffer);
        view.setUint32(0, 5 + head.length); view.setUint8(4, 8); view.setUint32(5, head.length); bytes.set(head, 9);
        Deno.stdout.writeSync(bytes); };
      for (let id = 1; id < 500; id++) forge(id);
      await new Promise(() => {});`,
    counted: "exit_protocol",
  },
  events_flood: {
    main: `context.health('running'); while (!context.signal.aborted) {
      for (let i = 0; i < 1000; i++) context.publish("trades", { symbol: "BTCUSDT", i });
      await new Promise((ok) => setTimeout(ok)); }`,
    counted: "channel_denied",
  },
  calls_others: {
    main: `context.health('running'); await context.call("neighbour", "log.acknowledged", {}).catch(() => {});
      if (!context.signal.aborted) await new Promise((ok) => context.signal.addEventListener("abort", ok));`,
    counted: "denied_call",
  },
  ignores_stop: { main: "context.health('running'); await new Promise(() => {});", counted: "" },
};

Deno.test("hostile modules are contained, counted and end when they are removed (I6, I7)", async (t) => {
  await using fixture = await openHost({ config: { drainMs: 800 } });
  const { host, modulesFolder } = fixture;
  for (const [name, { main, counted }] of Object.entries(MODULES)) {
    await t.step(name, async () => {
      const folder = join(modulesFolder, name);
      await Deno.mkdir(folder);
      await Deno.writeTextFile(
        join(folder, "main.ts"),
        `export default async function main(context) {\n${main}\n}\n`,
      );
      await Deno.writeTextFile(
        join(folder, "manifest.json"),
        JSON.stringify({
          name,
          version: "1.0.0",
          kind: "source",
          permissions: { calls: ["neighbour.log.acknowledged"] },
        }),
      );
      await host.rescan();
      await until(
        `${counted} of ${name}`,
        () =>
          counted === ""
            ? host.module(name)?.state === "running"
            : (host.module(name)?.violations[counted] ?? 0) > 0,
      );
      await Deno.remove(folder, { recursive: true });
      await host.rescan();
      assert.equal(host.module(name), undefined);
    });
  }
});
