import assert from "node:assert/strict";
import { join } from "node:path";
import { runStackCommand } from "./command.ts";
import { addressState } from "./port_holder.ts";
import { awaitGone, identify, isRunning, type ProcessIdentity } from "./server_process.ts";
import { readStackRecord, type StackRecord } from "./stack_file.ts";
import { startStack } from "./stack.ts";
import { findJava, findProgram } from "./java.ts";
import { missingTool, testEnvironment, testServersFolder } from "../tests/start_test_stack.ts";
import { CommandProcess } from "../tests/pipeline_process.ts";

const FREE = { postgres: 0, kafka: 0, kafkaController: 0, connect: 0, cassandra: 0, cassandraStorage: 0 };

/** Why the servers cannot run here; undefined when they can. */
const lacking = await findJava(testEnvironment(), { parts: ["cassandra"] }).then(
  async () =>
    await findProgram("mvn", testEnvironment().path) === undefined ? "there is no mvn in PATH" : undefined,
  (error) => missingTool(error) ?? String(error),
);

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a port in use is told with the process that holds it and the flag that changes it, all ports at once", () =>
  withFolder(async (folder) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    using everywhere = Deno.listen({ hostname: "0.0.0.0", port: 0 });
    const taken = (listener.addr as Deno.NetAddr).port;
    const also = (everywhere.addr as Deno.NetAddr).port;
    await assert.rejects(
      startStack({
        folder,
        parts: ["kafka", "cassandra"],
        ports: { ...FREE, kafka: taken, cassandra: also },
        environment: { path: "" },
      }),
      (error: Error & { code: string; hint: string }) => {
        assert.equal(error.code, "stack.port_in_use");
        const holder = Deno.build.os === "linux" ? `process ${Deno.pid} ` : "";
        assert.ok(error.message.includes(`kafka-1 on 127.0.0.1:${taken}: ${holder}`), error.message);
        assert.ok(error.message.includes(`cassandra-1 on 127.0.0.1:${also}: ${holder}`), error.message);
        assert.match(error.hint, /--kafka-port, --cassandra-port/);
        return true;
      },
    );
  }));

Deno.test("wrong arguments are told, not guessed", async () => {
  const run = (...args: string[]) =>
    runStackCommand(args, {
      environment: { path: "" },
      print: () => {},
      signal: new AbortController().signal,
    });
  for (
    const args of [
      ["upp"],
      ["up", "now"],
      ["up", "--kafka-port", "x"],
      ["up", "--kafka-heap", "big"],
      [
        "up",
        "--only",
        "kafka,mysql",
      ],
      ["status", "--remove"],
      ["up", "--colour"],
    ]
  ) {
    await assert.rejects(run(...args), { code: "stack.usage" }, args.join(" "));
  }
  assert.equal(await run("up", "--help"), 0);
});

Deno.test({
  name: `up, status, up again, a killed server, down, on the real servers${
    lacking === undefined ? "" : ` (skipped: ${lacking})`
  }`,
  ignore: lacking !== undefined,
  fn: () => withFolder(lifeOfAStack),
});

async function lifeOfAStack(folder: string): Promise<void> {
  const run = async (command: string, ...args: string[]) => {
    const process = new CommandProcess(["stack", command, "--dir", folder, ...args]);
    const { code } = await process.stopped(300_000);
    return { code, text: process.lines.join("\n") };
  };
  const record = async (): Promise<StackRecord> => (await readStackRecord(folder))!;
  const ports = Object.values({
    postgres: "--postgres-port",
    kafka: "--kafka-port",
    kafkaController: "--kafka-controller-port",
    connect: "--connect-port",
    cassandra: "--cassandra-port",
    cassandraStorage: "--cassandra-storage-port",
  }).flatMap((flag) => [flag, "0"]);

  try {
    const up = await run("up", "--servers", testServersFolder(), ...ports);
    assert.equal(up.code, 0, up.text);
    assert.match(up.text, /The stack serves after .* --config .*candlewire\.json/s);
    const first = await record();
    assert.deepEqual(Object.keys(first.servers).sort(), ["cassandra-1", "connect", "kafka-1", "postgres"]);
    for (const name of ["candlewire.json", "connect-secrets.properties"]) {
      assert.equal(((await Deno.stat(join(folder, name))).mode ?? 0) & 0o777, 0o600, name);
    }
    const plugins = await (await fetch(`http://127.0.0.1:${first.settings.ports.connect}/connector-plugins`))
      .text();
    assert.match(plugins, /io\.debezium\.connector\.postgresql\.PostgresConnector/);
    // Nothing listens beyond loopback.
    if (Deno.build.os === "linux") await onlyLoopback(Object.values(first.servers));

    const status = await run("status");
    assert.equal(status.code, 0, status.text);
    for (const [name, { pid }] of Object.entries(first.servers)) {
      assert.match(
        status.text,
        new RegExp(`^${name} +serves +${pid} +\\d+ MB +127\\.0\\.0\\.1:\\d+ +/`, "m"),
      );
    }

    const again = await run("up", "--servers", testServersFolder());
    assert.equal(again.code, 0, again.text);
    assert.deepEqual(await record(), first);
    const changed = await run("up", "--servers", testServersFolder(), "--kafka-heap", "300m");
    assert.equal(changed.code, 1);
    assert.match(changed.text, /stack\.running_differs/);

    Deno.kill(first.servers["kafka-1"]!.pid, "SIGKILL");
    Deno.kill(first.servers.postgres!.pid, "SIGKILL");
    for (const name of ["kafka-1", "postgres"]) {
      assert.ok(await awaitGone(first.servers[name]!, 10_000), `${name} does not go`);
    }
    const died = await run("status");
    assert.equal(died.code, 1);
    assert.match(died.text, /^kafka-1 +died +- /m);
    assert.match(died.text, /^cassandra-1 +serves/m);
    const revived = await run("up", "--servers", testServersFolder());
    assert.equal(revived.code, 0, revived.text);
    const second = await record();
    assert.deepEqual(second.servers["cassandra-1"], first.servers["cassandra-1"]);
    assert.deepEqual(second.servers.connect, first.servers.connect);
    assert.notDeepEqual(second.servers["kafka-1"], first.servers["kafka-1"]);
    assert.notDeepEqual(second.servers.postgres, first.servers.postgres);

    const down = await run("down");
    assert.equal(down.code, 0, down.text);
    assert.ok(down.text.indexOf("connect stopped") < down.text.indexOf("kafka-1 stopped"), down.text);
    for (const process of Object.values(second.servers)) assert.equal(await isRunning(process), false);
    for (const port of Object.values(second.settings.ports)) {
      assert.equal(addressState("127.0.0.1", port), "free");
    }
    assert.deepEqual((await record()).servers, {});

    await toldDeath(folder, run);
  } finally {
    await run("down", "--remove");
  }
  await assert.rejects(Deno.stat(join(folder, "kafka-1")), Deno.errors.NotFound);
  assert.equal((await run("status")).code, 1);
}

/** A broker whose folder belongs to another cluster ends at once: that is told with its reason, and nothing stays up. */
async function toldDeath(
  folder: string,
  run: (command: string, ...args: string[]) => Promise<{ code: number; text: string }>,
): Promise<void> {
  const file = join(folder, "kafka-1", "data", "meta.properties");
  const properties = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, properties.replace(/node\.id=.*/, "node.id=7"));
  const up = await run("up", "--only", "postgres,kafka", "--servers", testServersFolder());
  assert.equal(up.code, 1);
  assert.match(up.text, /stack\.server_died.*kafka-1/);
  assert.match(up.text, /node\.? ?id/i);
  assert.match(up.text, /postgres stopped/);
  assert.deepEqual((await readStackRecord(folder))!.servers, {});
}

/** Checks /proc/net/tcp*: every listening socket of the processes is on 127.0.0.0/8 (or its form in IPv6). */
async function onlyLoopback(processes: ProcessIdentity[]): Promise<void> {
  const sockets = new Set<string>();
  for (const { pid } of processes) {
    assert.ok(await identify(pid));
    for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
      const target = await Deno.readLink(`/proc/${pid}/fd/${name}`).catch(() => "");
      if (target.startsWith("socket:")) sockets.add(target);
    }
  }
  let listening = 0;
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await Deno.readTextFile(file).catch(() => "");
    for (const line of text.split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] !== "0A" || !sockets.has(`socket:[${fields[9]}]`)) continue;
      listening++;
      assert.match(fields[1]!, /^(0000000000000000FFFF0000)?[0-9A-F]{6}7F:/, `listens on ${fields[1]}`);
    }
  }
  assert.ok(listening >= 5, `${listening} listening sockets were found`);
}
