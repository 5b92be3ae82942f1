import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { planStack } from "./plan_stack.ts";
import { DEFAULT_PORTS, defaultHeaps, STACK_PARTS, type StackSettings } from "./settings.ts";

const options = {
  folders: { stack: "/data/my stack", servers: "/cache/servers", connectors: "/src/connectors" },
  identity: { clusterId: "AAAAAAAAAAAAAAAAAAAAAA", directoryIds: ["BBBB", "CCCC", "DDDD"] },
  secretsFile: "/data/my stack/connect-secrets.properties",
};

const anySettings: fc.Arbitrary<StackSettings> = fc.record({
  parts: fc.constant([...STACK_PARTS]),
  brokers: fc.integer({ min: 1, max: 3 }),
  nodes: fc.integer({ min: 1, max: 3 }),
  ports: fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 6, maxLength: 6 }).map((found) =>
    Object.fromEntries(
      Object.keys(DEFAULT_PORTS).map((name, at) => [name, found[at]!]),
    ) as StackSettings["ports"]
  ),
  heapsMb: fc.record({
    kafka: fc.integer({ min: 128, max: 8192 }),
    connect: fc.integer({ min: 128, max: 8192 }),
    cassandra: fc.integer({ min: 128, max: 8192 }),
  }),
  quickStart: fc.boolean(),
});

function check(seedName: string, property: (settings: StackSettings) => void): void {
  fc.assert(fc.property(anySettings, property), { seed: testSeed(seedName) });
}

Deno.test("every address of every server is a loopback address of its own", () => {
  check("addresses", (settings) => {
    const plans = planStack(settings, options);
    assert.equal(plans.length, settings.brokers + 1 + settings.nodes);
    const addresses = plans.flatMap((plan) => plan.listens.map(({ host, port }) => `${host}:${port}`));
    assert.equal(new Set(addresses).size, addresses.length);
    for (const address of addresses) assert.match(address, /^127\.0\.0\.[123]:\d+$/);
    for (const plan of plans) {
      assert.ok(plan.listens.some(({ host, port }) => host === plan.host && port === plan.port));
      for (const text of Object.values(plan.files)) {
        assert.doesNotMatch(text, /0\.0\.0\.0|localhost/);
        // Addresses in files are addresses of the plans.
        for (const [address] of text.matchAll(/127\.0\.0\.\d+:\d+/g)) {
          assert.ok(addresses.includes(address), address);
        }
      }
    }
  });
});

Deno.test("Kafka: no topic by mistake, as many replicas as brokers, one of three may be lost", () => {
  check("kafka", (settings) => {
    const brokers = planStack(settings, options).filter(({ part }) => part === "kafka");
    for (const [at, broker] of brokers.entries()) {
      const lines = properties(Object.values(broker.files)[0]!);
      assert.equal(lines.get("auto.create.topics.enable"), "false");
      assert.equal(lines.get("node.id"), `${at + 1}`);
      assert.equal(lines.get("offsets.topic.replication.factor"), `${settings.brokers}`);
      assert.equal(lines.get("min.insync.replicas"), settings.brokers === 3 ? "2" : "1");
      assert.equal(lines.get("controller.quorum.bootstrap.servers")!.split(",").length, settings.brokers);
      assert.equal(
        broker.format![broker.format!.indexOf("--initial-controllers") + 1]!.split(",").length,
        settings.brokers,
      );
    }
  });
});

Deno.test("Connect: JSON without schemas, and the file provider reads the secrets file and no other", () => {
  check("connect", (settings) => {
    const [worker] = planStack(settings, options).filter(({ part }) => part === "connect");
    const lines = properties(Object.values(worker!.files)[0]!);
    assert.equal(lines.get("key.converter.schemas.enable"), "false");
    assert.equal(lines.get("value.converter.schemas.enable"), "false");
    assert.equal(lines.get("plugin.discovery"), "service_load");
    assert.equal(lines.get("connector.client.config.override.policy"), "All");
    assert.equal(lines.get("config.providers.file.param.allowed.paths"), options.secretsFile);
    assert.equal(lines.get("offset.storage.replication.factor"), `${settings.brokers}`);
  });
});

Deno.test("Cassandra: each line is a key and JSON; nodes share seeds and divide the ring evenly", () => {
  check("cassandra", (settings) => {
    const nodes = planStack(settings, options).filter(({ part }) => part === "cassandra").map((plan) =>
      new Map(
        Object.values(plan.files)[0]!.trim().split("\n").map((line) => {
          const [, key, value] = /^(\w+): (.+)$/.exec(line)!;
          return [key!, JSON.parse(value!)];
        }),
      )
    );
    const tokens = nodes.map((node) => node.get("initial_token"));
    if (settings.nodes > 1) {
      assert.equal(new Set(tokens).size, settings.nodes);
      for (const token of tokens) {
        assert.ok(BigInt(token) >= -(2n ** 63n) && BigInt(token) < 2n ** 63n);
      }
    } else assert.equal(tokens[0], undefined);
    for (const [at, node] of nodes.entries()) {
      assert.equal(node.get("listen_address"), `127.0.0.${at + 1}`);
      assert.equal(node.get("rpc_address"), `127.0.0.${at + 1}`);
      assert.deepEqual(node.get("seed_provider"), nodes[0]!.get("seed_provider"));
      assert.equal(node.get("seed_provider")[0].parameters[0].seeds.split(",").length, settings.nodes);
      // Beyond what is mapped for the log, a node's files grow only with what is stored.
      assert.match(node.get("commitlog_total_space"), /^(128|256)MiB$/);
    }
  });
});

Deno.test("every server has a bounded heap and log, and is started the same way each time", () => {
  const settings: StackSettings = {
    parts: [...STACK_PARTS],
    brokers: 3,
    nodes: 3,
    ports: DEFAULT_PORTS,
    heapsMb: defaultHeaps(3, 3),
    quickStart: false,
  };
  const plans = planStack(settings, options);
  assert.deepEqual(planStack(settings, options), plans);
  for (const plan of plans) {
    assert.ok(plan.args.includes(`-Xmx${settings.heapsMb[plan.part]}m`));
    assert.ok(plan.args.includes(`-Dcandlewire.log=${plan.logFile}`));
    assert.ok(
      plan.args.some((arg) =>
        /(log4j2.configurationFile|logback.configurationFile)=\/src\/connectors\//.test(arg)
      ),
    );
  }
});

function properties(text: string): Map<string, string> {
  return new Map(
    text.trim().split("\n").map((
      line,
    ) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}
