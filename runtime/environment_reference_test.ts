import assert from "node:assert/strict";
import fc from "fast-check";
import { resolveEnvironment } from "./environment_reference.ts";
import { testSeed } from "./tests/seed.ts";

const file = "a.json";

Deno.test("resolveEnvironment() replaces whole values, at any depth", () => {
  assert.deepEqual(
    resolveEnvironment(
      {
        tokens: { viewer: "${env:VIEWER}" },
        kafka: { brokers: ["${env:BROKER}", "b:1"] },
        symbols: null,
        listen: { port: 1 },
      },
      { VIEWER: "secret", BROKER: "a:1" },
      { file },
    ),
    { tokens: { viewer: "secret" }, kafka: { brokers: ["a:1", "b:1"] }, symbols: null, listen: { port: 1 } },
  );
});

Deno.test("resolveEnvironment() takes the default for what is unset or empty, and leaves out what has none", () => {
  const part = { a: "${env:A:-x:-y}", b: "${env:B:-}", c: { d: "${env:C:-text}" }, e: ["${env:B:-}"] };
  assert.deepEqual(resolveEnvironment(part, { C: "" }, { file }), { a: "x:-y", c: { d: "text" }, e: [] });
  assert.deepEqual(resolveEnvironment(part, { A: "1", B: "2", C: "3" }, { file }), {
    a: "1",
    b: "2",
    c: { d: "3" },
    e: ["2"],
  });
});

Deno.test("resolveEnvironment() names every key and variable that is missing, and no value", () => {
  const work = () =>
    resolveEnvironment(
      { a: "${env:ONE}", b: { c: ["${env:TWO}"] }, d: "postgres://u:${env:THREE}@h", e: "${env:4}" },
      { TWO: "", THREE: "hunter2" },
      { file },
    );
  assert.throws(work, (error: Error & { code?: string }) => {
    assert.equal(error.code, "config.environment");
    assert.match(error.message, /^Read a\.json: "a" is \$\{env:ONE\}, and that variable is unset;/);
    assert.match(error.message, /"b\.c\.0" is \$\{env:TWO\}, and that variable is empty/);
    assert.match(error.message, /"d" holds a reference inside other text/);
    assert.match(error.message, /"e" holds a reference/);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});

Deno.test("resolveEnvironment() leaves verbatim paths and inherited names alone", () => {
  const part = { connect: { passwordReference: "${env:CAPTURE_PASSWORD}" } };
  assert.deepEqual(
    resolveEnvironment(part, { CAPTURE_PASSWORD: "x" }, { file, verbatim: ["connect.passwordReference"] }),
    part,
  );
  assert.throws(() => resolveEnvironment({ a: "${env:constructor}" }, {}, { file }), {
    code: "config.environment",
  });
});

Deno.test("resolveEnvironment() gives any text of a variable as it is", () => {
  const seed = testSeed("environment references");
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (text) => {
      assert.deepEqual(resolveEnvironment({ a: "${env:A}" }, { A: text }, { file }), { a: text });
    }),
    { seed },
  );
});

Deno.test("resolveEnvironment() changes nothing that holds no reference", () => {
  const seed = testSeed("environment references");
  fc.assert(
    fc.property(
      fc.dictionary(fc.string().filter((key) => key !== "__proto__"), fc.jsonValue()),
      (part) => {
        // What JSON cannot hold apart (−0, an own `__proto__`) is no part of a file.
        const json = JSON.parse(JSON.stringify(part));
        fc.pre(!JSON.stringify(json).includes("${env:") && !JSON.stringify(json).includes("__proto__"));
        assert.deepEqual(resolveEnvironment(json, {}, { file }), json);
      },
    ),
    { seed },
  );
});
