import assert from "node:assert/strict";
import { readCommandLine } from "./cli.ts";
import { configSchema, describeConfig, parseConfigFile, readConfig } from "./config.ts";

Deno.test("readConfig() fills defaults and merges parts, later ones winning", () => {
  const config = readConfig({ listen: { port: 1 }, symbols: ["A"] }, { listen: { port: 2 } });
  assert.equal(config.listen.port, 2);
  assert.equal(config.listen.host, "127.0.0.1");
  assert.deepEqual(config.symbols, ["A"]);
});

Deno.test("readConfig() names every wrong key and value, and the remedy", () => {
  assert.throws(
    () => readConfig({ producr: {}, listen: { prt: 1 }, postgres: { port: 99_999 }, symbols: "BTC" }),
    {
      code: "config.invalid",
      message: /unknown key "producr", did you mean "producer"\?/,
    },
  );
  for (
    const [part, expected] of [
      [{ listen: { prt: 1 } }, /unknown key "listen.prt", did you mean "listen.port"\?/],
      [{ postgres: { port: 99_999 } }, /"postgres.port" is 99999/],
      [{ symbols: "BTC" }, /"symbols" is "BTC"/],
      [{ profile: "cloud" }, /"profile" is "cloud"/],
    ] as const
  ) assert.throws(() => readConfig(part), { code: "config.invalid", message: expected });
});

Deno.test("readConfig() shows no secret, not even a wrong one", () => {
  for (
    const part of [
      { tokens: { viewer: "hunter2", operator: "hunter2" } },
      { postgres: { url: "hunter2" } },
      { cassandra: { password: ["hunter2"] } },
      { kafka: { sasl: { mechanism: "plain", username: "u", password: { a: "hunter2" } } } },
    ]
  ) {
    assert.throws(() => readConfig(part), (error: Error) => {
      assert.match(error.message, /a secret that is not shown/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});

Deno.test("parseConfigFile() refuses what is no JSON object and names the file", () => {
  for (const text of ["{", "[]", "null", "3", ""]) {
    assert.throws(() => parseConfigFile(text, "my.json"), { code: "config.not_json", message: /my\.json/ });
  }
});

Deno.test("describeConfig() shows every section", () => {
  const text = describeConfig();
  for (const section of Object.keys(configSchema.shape)) {
    assert.match(text, RegExp(`^(# )?${section}[.: ]`, "m"), section);
  }
});

Deno.test("readCommandLine() turns flags into a part of the configuration", () => {
  const { part, recording } = readCommandLine([
    "start",
    "--port",
    "9000",
    "--symbols",
    "btcusdt, ETHUSDT",
    "--source",
    "a.gz",
    "--set",
    "producer.bookDepth=50",
    "--set",
    "source.restUrl=http://x",
  ]);
  assert.deepEqual(part, {
    listen: { port: 9000 },
    symbols: ["BTCUSDT", "ETHUSDT"],
    source: { kind: "exchange", restUrl: "http://x" },
    exchange: { market: { source: ["a.gz"] } },
    producer: { bookDepth: 50 },
  });
  assert.equal(recording, "a.gz");
});

Deno.test("readCommandLine() names what it does not understand", () => {
  for (
    const [args, expected] of [
      [["strt"], /"strt"/],
      [["start", "--prt", "1"], /prt/],
      [["start", "--port", "x"], /"x" is no number/],
      [["start", "--symbols", ","], /names none/],
      [["start", "--set", "abc"], /no "="/],
    ] as [string[], RegExp][]
  ) assert.throws(() => readCommandLine(args), { code: "cli.usage", message: expected });
});
