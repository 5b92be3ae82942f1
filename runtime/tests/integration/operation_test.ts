import assert from "node:assert/strict";
import { join } from "node:path";
import type { ModuleStatus } from "../../host/module_host.ts";
import { CommandProcess, TestExchange, TestPipeline, until } from "../pipeline_process.ts";
import { testSeed } from "../seed.ts";
import { drained } from "../truth_sqlite.ts";

const SYMBOLS = ["BTCUSDT"];
const MODULES = ["producer", "capture", "consumer"];

/** A command that must end by itself: its exit code and what it printed. */
async function ended(args: string[], timeoutMs = 30_000): Promise<{ code: number; text: string }> {
  const process = new CommandProcess(args);
  const { code } = await process.stopped(timeoutMs);
  return { code, text: process.lines.join("\n") };
}

/** Command lines of processes that name a text, by Linux's `/proc`: what a command left behind. */
function processesWith(text: string): string[] {
  const found: string[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const line = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
      if (line.includes(text)) found.push(line);
    } catch {
      // It has ended.
    }
  }
  return found;
}

/** False also for one that has ended and waits for its parent to take note. */
function lives(pid: number): boolean {
  try {
    return !/\) Z /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

Deno.test("operation: a wrong start says what and how, at once, and leaves nothing behind", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-starts-" });
  const start = (...args: string[]) => ["start", "--source", "exchange", ...args];
  const data = ["--data-dir", join(folder, "data")];
  try {
    await Deno.writeTextFile(join(folder, "file"), "");
    await Deno.writeTextFile(join(folder, "bad.json"), '{"listen": ');
    await Deno.writeTextFile(join(folder, "unknown.json"), '{"consumer": {"maxRecord": 5}}');
    await Deno.mkdir(join(folder, "newer"));
    await Deno.writeTextFile(join(folder, "newer", "candlewire.json"), '{"format":99,"origin":{}}');
    await Deno.mkdir(join(folder, "live"));
    await Deno.writeTextFile(
      join(folder, "live", "candlewire.json"),
      '{"format":1,"origin":{"kind":"live","id":"binance","label":"Binance spot market"}}',
    );
    const cases: { name: string; args: string[]; code: string; text: RegExp; hint: RegExp }[] = [
      {
        name: "an unknown command",
        args: ["strat"],
        code: "cli.usage",
        text: /Run "strat": no such command/,
        hint: /--help/,
      },
      {
        name: "an unknown flag",
        args: start("--sped", "5"),
        code: "cli.usage",
        text: /--sped/,
        hint: /--help/,
      },
      {
        name: "an unknown key",
        args: start(...data, "--set", "listen.prot=1"),
        code: "config.invalid",
        text: /unknown key "listen\.prot", did you mean "listen\.port"\?/,
        hint: /--print-config/,
      },
      {
        name: "an unknown key in a file",
        args: start(...data, "--config", join(folder, "unknown.json")),
        code: "config.invalid",
        text: /unknown key "consumer\.maxRecord", did you mean "consumer\.maxRecords"\?/,
        hint: /--print-config/,
      },
      {
        name: "a value out of range",
        args: start(...data, "--set", "listen.port=99999"),
        code: "config.invalid",
        text: /"listen\.port" is 99999: .*65535/,
        hint: /--print-config/,
      },
      {
        name: "a value of another type",
        args: start(...data, "--set", "producer.bookDepth=many"),
        code: "config.invalid",
        text: /"producer\.bookDepth" is "many": .*expected number/,
        hint: /--print-config/,
      },
      {
        name: "a file that is no JSON",
        args: start(...data, "--config", join(folder, "bad.json")),
        code: "config.not_json",
        text: /bad\.json/,
        hint: /one JSON object/,
      },
      {
        name: "a file that is not there",
        args: start(...data, "--config", join(folder, "none.json")),
        code: "config.unreadable",
        text: /none\.json/,
        hint: /--config/,
      },
      {
        name: "a data folder that cannot be made",
        args: start("--data-dir", join(folder, "file", "data")),
        code: "data.not_writable",
        text: /file\/data/,
        hint: /--data-dir/,
      },
      {
        name: "a data folder of a newer version",
        args: start("--data-dir", join(folder, "newer")),
        code: "data.version_mismatch",
        text: /its format is 99, this version needs 1/,
        hint: /--data-dir/,
      },
      {
        name: "a data folder of the live market",
        args: start("--data-dir", join(folder, "live")),
        code: "data.origin_mismatch",
        text: /it holds "Binance spot market" \(live binance\)/,
        hint: /never mixed/,
      },
      {
        name: "an exchange that does not answer",
        args: start(...data, "--set", "source.restUrl=http://127.0.0.1:9"),
        code: "exchange.unreachable",
        text: /http:\/\/127\.0\.0\.1:9/,
        hint: /deno task exchange/,
      },
      {
        name: "a recording that is not there",
        args: ["start", "--source", join(folder, "none.gz"), ...data],
        code: "exchange.start_failed",
        text: /none\.gz/,
        hint: /deno task exchange/,
      },
      {
        name: "a part alone in the embedded profile",
        args: start(...data, "--only", "consumer"),
        code: "config.profile",
        text: /--only consumer/,
        hint: /--profile cluster/,
      },
      {
        name: "several producers",
        args: start(...data, "--profile", "cluster", "--only", "producer", "--instances", "2"),
        code: "config.profile",
        text: /2 instances of producer/,
        hint: /lease/,
      },
      {
        name: "a producer alone without a database that others reach",
        args: start(...data, "--profile", "cluster", "--only", "producer"),
        code: "config.profile",
        text: /postgres\.url/,
        hint: /stack up/,
      },
      {
        name: "an address beyond this machine without tokens",
        args: start(...data, "--host", "0.0.0.0"),
        code: "control.tokens_required",
        text: /0\.0\.0\.0/,
        hint: /tokens/,
      },
    ];
    for (const { name, args, code, text, hint } of cases) {
      await t.step(name, async () => {
        const found = await ended(args);
        const [line = "", remedy = ""] = found.text.split(/^(?=Error \()/m).at(-1)!.split("\n");
        assert.equal(found.code, 1, found.text);
        assert.ok(line.startsWith(`Error (${code}): `), found.text);
        assert.match(line, text);
        assert.match(remedy, hint, found.text);
        assert.ok(!/^\s+at /m.test(found.text), `no stack: ${found.text}`);
        assert.deepEqual(processesWith(folder), []);
      });
    }

    await t.step("--help and --print-config tell and end with 0", async () => {
      for (const args of [["--help"], ["start", "--help"], ["demo", "-h"], []]) {
        const { code, text } = await ended(args);
        assert.equal(code, 0, text);
        assert.match(text, /deno task demo .*\n(.*\n)+.*--data-dir/);
      }
      const { code, text } = await ended(["start", "--print-config"]);
      assert.equal(code, 0);
      for (const key of ["listen.port = 8787", "consumer.maxRecords = ", "control.sampleMs = 1000 ms"]) {
        assert.ok(text.includes(key), key);
      }
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("operation: modules over HTTP, roles, a second instance, ports in use, a clean end", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-operation-" });
  const exchange = await TestExchange.start({
    "exchange.market.folder": join(folder, "exchange"),
    "exchange.market.seed": testSeed("operation"),
    "exchange.market.symbols": SYMBOLS,
    "exchange.server.port": 0,
    "exchange.server.speed": "max",
    "exchange.server.paused": true,
  });
  const pipeline = new TestPipeline(join(folder, "pipeline"), {
    "source.restUrl": exchange.url,
    "symbols": SYMBOLS,
  });
  const module = async (name: string) =>
    (await pipeline.get<{ module: ModuleStatus }>(`modules/${name}`)).module;
  const change = async (name: string, action: string) => {
    const answer = await pipeline.request("POST", `modules/${name}/${action}`);
    const body = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(body));
    return body.module as ModuleStatus;
  };
  const problem = async (answer: Response, status: number) => {
    const body = await answer.json();
    assert.equal(answer.status, status, JSON.stringify(body));
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    return body as { code: string; hint: string };
  };
  const ready = () =>
    until("readiness", 20_000, async () => {
      const answer = await fetch(`${pipeline.url}/readyz`);
      await answer.body?.cancel();
      return answer.ok || undefined;
    });
  const other = (...args: string[]) => ended(["start", "--source", "exchange", ...args]);
  const source = ["--set", `source.restUrl=${exchange.url}`];
  try {
    await pipeline.start();
    await exchange.run(500);
    await drained(exchange, pipeline, SYMBOLS);

    for (const name of MODULES) {
      await t.step(
        `${name}: stop, start and restart over HTTP; what happens meanwhile is stored`,
        async () => {
          const { pid } = await module(name);
          const stopped = await change(name, "stop");
          assert.deepEqual([stopped.state, stopped.pid], ["stopped", null]);
          assert.deepEqual(stopped.lastExit?.cause, "stopped");
          // An answer of /readyz is good for a moment.
          await until("readiness to tell", 30_000, async () => {
            const { checks } = await (await fetch(`${pipeline.url}/readyz`)).json() as {
              checks: { name: string; ok: boolean }[];
            };
            return checks.some((check) => check.name === `module.${name}` && !check.ok) || undefined;
          });
          assert.deepEqual((await change(name, "stop")).state, "stopped", "once more changes nothing");
          // The producer must be there for the market to go on at full speed.
          if (name !== "producer") await exchange.run(500);
          const started = await change(name, "start");
          assert.equal(started.state, "running");
          assert.notEqual(started.pid, pid);
          const restarted = await change(name, "restart");
          assert.deepEqual([restarted.state, restarted.restarts], ["running", 0]);
          assert.notEqual(restarted.pid, started.pid);
          await ready();
          await exchange.run(500);
          await drained(exchange, pipeline, SYMBOLS);
          for (const others of MODULES.filter((each) => each !== name)) {
            assert.equal((await module(others)).restarts, 0, `${others} was left alone (I7)`);
          }
        },
      );
    }

    await t.step(
      "roles: the viewer reads, changes are the operator's, nobody else gets anything",
      async () => {
        for (const path of ["pipeline", "modules", "dead-letters", "replays", "completeness", "alerts"]) {
          const read = await pipeline.request("GET", path, { role: "viewer" });
          assert.equal(read.status, 200, path);
          await read.body?.cancel();
          assert.equal(
            (await problem(await pipeline.request("GET", path, { role: null }), 401)).code,
            "control.unauthorized",
          );
        }
        for (
          const [method, path] of [
            ["POST", "modules/consumer/stop"],
            ["POST", "modules/consumer/approve"],
            ["POST", "replays"],
            ["DELETE", "replays/x"],
            ["POST", "dead-letters/retry"],
            ["DELETE", "dead-letters/x"],
          ] as const
        ) {
          const refused = await problem(await pipeline.request(method, path, { role: "viewer" }), 403);
          assert.deepEqual([refused.code, refused.hint], ["control.forbidden", "Use the operator's token"]);
        }
        assert.equal((await module("consumer")).state, "running");
        const unknown = await problem(await pipeline.request("POST", "modules/nothing/stop"), 404);
        assert.match(unknown.hint, /producer, capture, consumer/);
      },
    );

    await t.step("the picture tells the bytes of each folder", async () => {
      // Measured each ten seconds, at first before the modules have written anything.
      const bytes = await until("each folder to be measured with what is in it", 60_000, async () => {
        const { diskBytes } = await pipeline.get<{ diskBytes: Record<string, number> }>("pipeline");
        const sizes = Object.values(diskBytes);
        return sizes.length > 0 && sizes.every((size) => size > 10_000) ? diskBytes : undefined;
      });
      assert.deepEqual(
        Object.keys(bytes).sort(),
        ["journal", "postgres", "store"],
        "the exchange is not ours",
      );
    });

    await t.step("a second instance on the data folder is refused, and the first goes on", async () => {
      const { code, text } = await other("--data-dir", pipeline.dataDir, "--port", "0", ...source);
      assert.equal(code, 1, text);
      assert.match(
        text,
        /Error \(data\.in_use\): Open the data folder .*: another Candlewire uses it\n .*--data-dir/,
      );
      // Also one that would start an exchange of its own: before it touches anything in the folder.
      const demo = await ended(["demo", "--data-dir", pipeline.dataDir, "--port", "0"]);
      assert.equal(demo.code, 1, demo.text);
      assert.match(demo.text, /Error \(data\.in_use\)/);
      assert.ok(!demo.text.includes("Starting"), demo.text);
      // A market that stands still for a minute is a lag that grows.
      await exchange.run(50);
      await ready();
    });

    await t.step("a port in use is named, and what was started is stopped again", async () => {
      const folders = [join(folder, "second"), join(folder, "third")];
      const { port } = new URL(pipeline.url);
      const listen = await other(
        "--data-dir",
        folders[0]!,
        "--port",
        port,
        "--set",
        "postgres.port=0",
        ...source,
      );
      assert.equal(listen.code, 1, listen.text);
      assert.match(listen.text, new RegExp(`Error \\(control\\.port_in_use\\): .*${port}.*\\n .*--port`));
      const database = await other(
        "--data-dir",
        folders[1]!,
        "--port",
        "0",
        "--set",
        `postgres.port=${port}`,
        ...source,
      );
      assert.equal(database.code, 1, database.text);
      assert.match(
        database.text,
        new RegExp(`Error \\(postgres\\.port_in_use\\): .*${port}.*\\n .*postgres\\.port`),
      );
      for (const each of folders) assert.deepEqual(processesWith(each), []);
    });

    await t.step("SIGTERM ends every process of it with 0", async () => {
      const pids = [
        await pipeline.pidOf("postgres"),
        ...await Promise.all(MODULES.map((name) => pipeline.pidOf(name))),
      ];
      const { code } = await pipeline.process.stop();
      assert.equal(code, 0, pipeline.process.tail);
      assert.deepEqual(pids.filter(lives), []);
      assert.deepEqual(processesWith(pipeline.dataDir), []);
    });

    await t.step("data of another run of the exchange is refused", async () => {
      const another = await TestExchange.start({
        "exchange.market.folder": join(folder, "another"),
        "exchange.market.symbols": SYMBOLS,
        "exchange.server.port": 0,
        "exchange.server.paused": true,
      });
      try {
        const { code, text } = await other(
          "--data-dir",
          pipeline.dataDir,
          "--port",
          "0",
          "--set",
          `source.restUrl=${another.url}`,
        );
        assert.equal(code, 1, text);
        assert.match(text, /Error \(data\.origin_mismatch\): .*it holds "exchange, seed .*\n .*never mixed/);
      } finally {
        await another.process.stop();
      }
    });
  } finally {
    await pipeline.process?.stop();
    await exchange.process.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
