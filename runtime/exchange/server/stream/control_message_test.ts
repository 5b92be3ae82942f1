import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../../../tests/seed.ts";
import { decodeControlMessage, encodeFailure, encodeResult } from "./control_message.ts";

const decode = (value: unknown) => decodeControlMessage(JSON.stringify(value));

Deno.test("the five methods", () => {
  assert.deepEqual(decode({ method: "SUBSCRIBE", params: ["a@trade"], id: 1 }), {
    method: "SUBSCRIBE",
    params: ["a@trade"],
    id: 1,
  });
  assert.deepEqual(decode({ method: "UNSUBSCRIBE", params: ["a@trade"], id: "x1" }), {
    method: "UNSUBSCRIBE",
    params: ["a@trade"],
    id: "x1",
  });
  assert.deepEqual(decode({ method: "LIST_SUBSCRIPTIONS", id: null }), {
    method: "LIST_SUBSCRIPTIONS",
    id: null,
  });
  assert.deepEqual(decode({ method: "SET_PROPERTY", params: ["combined", true], id: 5 }), {
    method: "SET_PROPERTY",
    combined: true,
    id: 5,
  });
  assert.deepEqual(decode({ method: "GET_PROPERTY", params: ["combined"], id: -2 }), {
    method: "GET_PROPERTY",
    id: -2,
  });
});

/** Texts as web-socket-streams.md lists them. */
const REFUSED: [string, number, string][] = [
  ["{", 3, "Invalid JSON: expected value at line 1 column 1"],
  ["", 3, "Invalid JSON: expected value at line 1 column 0"],
  ['{"method":"SUBSCRIBE","params":["a"]}', 2, "Invalid request: request ID must be an unsigned integer"],
  [
    '{"method":"SUBSCRIBE","params":["a"],"id":1.5}',
    2,
    "Invalid request: request ID must be an unsigned integer",
  ],
  ['{"params":["a"],"id":1}', 2, "Invalid request: missing field `method` at line 1 column 23"],
  [
    '{"method":"SUBSCRIB","id":1}',
    2,
    "Invalid request: unknown variant `SUBSCRIB`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, " +
    "`LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 1 column 28",
  ],
  ['{"method":"LIST_SUBSCRIPTIONS","params":["a"],"id":1}', 2, "Invalid request: too many parameters"],
  ['{"method":"LIST_SUBSCRIPTIONS","id":1,"more":1}', 2, "Invalid request: too many parameters"],
  [
    '{"method":"SET_PROPERTY","params":[1,true],"id":1}',
    2,
    "Invalid request: property name must be a string",
  ],
  ['{"method":"GET_PROPERTY","params":[],"id":1}', 2, "Invalid request: property name must be a string"],
  ['{"method":"SET_PROPERTY","params":["x",true],"id":1}', 0, "Unknown property"],
  ['{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1, "Invalid value type: expected Boolean"],
];

for (const [text, code, msg] of REFUSED) {
  Deno.test(`refused with ${code}: ${text || "an empty message"}`, () => {
    const message = decodeControlMessage(text);
    assert.equal(message.method, "error");
    assert.deepEqual(message.method === "error" && [message.code, message.msg], [code, msg]);
  });
}

Deno.test("any text and any JSON is a message or an error", () => {
  const shaped = fc.record({
    method: fc.oneof(fc.constantFrom("SUBSCRIBE", "SET_PROPERTY", "GET_PROPERTY"), fc.jsonValue()),
    params: fc.jsonValue(),
    id: fc.oneof(fc.integer(), fc.jsonValue()),
  }, { requiredKeys: [] }).map((value) => JSON.stringify(value));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), shaped), (text) => {
      const message = decodeControlMessage(text);
      if (message.method === "error") JSON.parse(encodeFailure(message.code, message.msg, message.id));
      else JSON.parse(encodeResult(null, message.id));
    }),
    { seed: testSeed("control messages"), numRuns: 1000 },
  );
});
