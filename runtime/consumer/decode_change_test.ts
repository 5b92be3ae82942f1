import assert from "node:assert/strict";
import fc from "fast-check";
import { testSeed } from "../tests/seed.ts";
import { parseDecimal } from "../market/decimal.ts";
import { ChangeDecoder, isDecimal } from "./decode_change.ts";
import { instantMs } from "./instant.ts";

const AT = { topic: "binance.public.recent_trades", partition: 2 };
const ROW = {
  symbol: "币安人生USDT",
  trade_id: 3712345678,
  price: "61234.56000000",
  quantity: "0.00123000",
  trade_time: "2024-08-08T23:54:13.123Z",
  is_buyer_maker: true,
  backfill: false,
};
const SOURCE = { version: "3", connector: "postgresql", name: "binance", ts_ms: 1, snapshot: "false" };

function envelope(changed: Record<string, unknown> = {}): string {
  return JSON.stringify({
    before: null,
    after: ROW,
    source: SOURCE,
    transaction: null,
    op: "c",
    ts_ms: 5,
    ...changed,
  });
}

function decode(value: string | null, topic = AT.topic, options = {}) {
  return new ChangeDecoder(options).decode({ ...AT, topic }, { offset: 7, value });
}

function failure(value: string | null, topic?: string): { code: string; message: string } {
  const outcome = decode(value, topic);
  assert.equal(outcome.kind, "fail");
  return outcome as { code: string; message: string } & typeof outcome;
}

Deno.test("decode() keeps money digit for digit and turns times into epoch ms (I9)", () => {
  const outcome = decode(envelope());
  assert.deepEqual(outcome, {
    kind: "keep",
    change: {
      table: "recent_trades",
      kind: "upsert",
      row: { ...ROW, trade_time: 1723161253123 },
      version: 1723161253123000,
      topic: AT.topic,
      partition: 2,
      offset: 7,
    },
  });
  for (const value of [envelope({ op: "r" }), envelope({ op: "u", before: ROW }), ` ${envelope()}`]) {
    assert.deepEqual(decode(value), outcome);
  }
  assert.deepEqual(
    decode(JSON.stringify({ schema: { type: "struct" }, payload: JSON.parse(envelope()) })),
    outcome,
  );
});

Deno.test("decode() names table, column, what is expected and what was found", () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ price: 5 }, /recent_trades: column "price" must be decimal text .*, found 5$/],
    [{ price: "NaN" }, /"price" .* found "NaN"/],
    [{ price: null }, /"price" .* found null/],
    [{ trade_id: 2 ** 60 }, /"trade_id" must be an integer within/],
    [{ trade_id: "5" }, /"trade_id" .* found "5"/],
    [{ trade_time: "infinity" }, /"trade_time" must be a time .* found "infinity"/],
    [{ trade_time: "2024-02-31T00:00:00Z" }, /"trade_time"/],
    [{ trade_time: 1723161253123 }, /"trade_time"/],
    [{ is_buyer_maker: "t" }, /"is_buyer_maker" must be true or false/],
    [{ symbol: "" }, /"symbol" must be text/],
    [{ symbol: "x".repeat(500), price: { a: "y".repeat(500) } }, /…$/],
  ];
  for (const [changed, message] of cases) {
    const { code, message: text } = failure(envelope({ after: { ...ROW, ...changed } }));
    assert.equal(code, "transform.schema_mismatch");
    assert.match(text, message);
    assert.ok(text.length < 600);
  }
  const { quantity: _, ...renamed } = { ...ROW, qty: "1" };
  assert.match(
    failure(envelope({ after: renamed })).message,
    /column "quantity" is missing, expected decimal text .* the row has symbol, .*qty.*map it in consumer\.columns\.recent_trades/,
  );
});

Deno.test("decode() takes up a renamed column by a declared rule, and counts columns that are not ours", () => {
  const { quantity, ...rest } = ROW;
  const decoder = new ChangeDecoder({ columns: { recent_trades: { qty: "quantity" } } });
  const value = envelope({ after: { ...rest, qty: quantity, venue: "x", note: null } });
  const outcome = decoder.decode(AT, { offset: 1, value });
  assert.ok(outcome.kind === "keep");
  assert.deepEqual(outcome.change.row, { ...ROW, trade_time: 1723161253123 });
  assert.deepEqual([...decoder.unknownColumns], [["recent_trades.venue", 1], ["recent_trades.note", 1]]);
});

Deno.test("decode() takes rows from before a column was renamed beside those after it", () => {
  const decoder = new ChangeDecoder({ columns: { recent_trades: { qty: "quantity" } } });
  const outcome = decoder.decode(AT, { offset: 1, value: envelope() });
  assert.ok(outcome.kind === "keep");
  assert.deepEqual(outcome.change.row, { ...ROW, trade_time: 1723161253123 });
  assert.deepEqual([...decoder.unknownColumns], []);
  const { quantity: _, ...rest } = ROW;
  const message = (after: Record<string, unknown>) => {
    const failed = decoder.decode(AT, { offset: 1, value: envelope({ after }) });
    return failed.kind === "fail" ? failed.message : failed.kind;
  };
  assert.match(message({ ...rest, quantity: "x" }), /column "quantity" must be decimal text/);
  assert.match(message({ ...rest, qty: "x" }), /column "qty" \(mapped to "quantity"\) must be decimal text/);
  assert.match(message(rest), /column "qty" \(mapped to "quantity"\) is missing/);
});

Deno.test("decode() answers every operation", () => {
  assert.deepEqual(decode(null), { kind: "filter", rule: "tombstone" });
  assert.deepEqual(decode('{"schema":null,"payload":null}'), { kind: "filter", rule: "tombstone" });
  assert.deepEqual(decode(envelope({ op: "m", after: null })), { kind: "filter", rule: "logical_message" });
  assert.equal(failure(envelope({ op: "t", after: null })).code, "transform.truncate");
  assert.match(failure(envelope({ op: "z" })).message, /found "z"/);
  assert.equal(failure(envelope({ op: "c", after: null })).code, "transform.bad_envelope");
  assert.equal(failure(envelope({ op: "u", after: [1] })).code, "transform.bad_envelope");
  assert.equal(failure(envelope(), "binance.public.secrets").code, "transform.unknown_topic");
  assert.equal(failure(envelope(), "elsewhere").code, "transform.unknown_topic");
});

Deno.test("decode() deletes at the row's own version, also when only the key came", () => {
  const gone = decode(envelope({ op: "d", before: ROW, after: null }));
  assert.ok(gone.kind === "keep" && gone.change.kind === "delete");
  assert.equal(gone.change.version, 1723161253123000);
  const key = { ...ROW, price: null, quantity: null, is_buyer_maker: false, backfill: null };
  const byKey = decode(envelope({ op: "d", before: key, after: null }));
  assert.ok(byKey.kind === "keep" && byKey.change.version === 1723161253123000);
  const kline = { symbol: "A", open_time: "2024-08-08T23:54:00Z", version: 0 };
  const outcome = failure(envelope({ op: "d", before: kline, after: null }), "binance.public.klines");
  assert.equal(outcome.code, "transform.delete_without_version");
});

Deno.test("decode() adds the revision of a correcting replay", () => {
  const price = {
    symbol: "A",
    price: "1",
    updated_at: "2024-08-08T23:54:13Z",
    last_trade_id: 0,
    version: 5000,
  };
  const outcome = decode(envelope({ after: price }), "binance.public.latest_prices", { revision: 3 });
  assert.ok(outcome.kind === "keep");
  assert.deepEqual([outcome.change.version, (outcome.change.row as { version: number }).version], [
    5003,
    5003,
  ]);
});

Deno.test("decode() is total: garbage, cuts and changed bytes never throw and never yield a half row", () => {
  const seed = testSeed("decode");
  const whole = envelope();
  const expected = decode(whole);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), (length) => {
      assert.equal(decode(whole.slice(0, length)).kind, "fail");
    }),
    { seed: testSeed("isDecimal"), numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.string({ minLength: 1, maxLength: 2 }), (at, text) => {
      const outcome = decode(whole.slice(0, at) + text + whole.slice(at + text.length));
      if (outcome.kind === "keep" && outcome.change.kind === "upsert") {
        assert.deepEqual(
          Object.keys(outcome.change.row),
          Object.keys((expected as typeof outcome).change.row),
        );
      }
    }),
    { seed, numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.constant("\u0000\u0001Obj\u0001")), (value) => {
      assert.notEqual(decode(value).kind, "keep");
    }),
    { seed, numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...Object.keys(ROW), "x"), fc.jsonValue()), (after) => {
      decode(envelope({ after }));
      decode(envelope({ op: "d", before: after }));
    }),
    { seed, numRuns: 500 },
  );
});

Deno.test("instantMs() agrees with Date.parse and refuses what is no UTC instant", () => {
  const seed = testSeed("instant");
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 253402300799999 }),
      fc.integer({ min: 0, max: 999 }),
      (ms, micros) => {
        const iso = new Date(ms).toISOString();
        assert.equal(instantMs(iso), ms);
        assert.equal(instantMs(iso.replace("Z", `${String(micros).padStart(3, "0")}Z`)), ms);
        assert.equal(instantMs(iso.replace(/\.\d+Z/, "Z")), ms - ms % 1000);
      },
    ),
    { seed, numRuns: 1000 },
  );
  for (
    const text of [
      "",
      "infinity",
      "2024-08-08",
      "2024-08-08T23:54:13",
      "2024-08-08T23:54:13+02:00",
      "2024-08-08T24:00:00Z",
      "2024-13-01T00:00:00Z",
      "2024-08-08T23:54:13.Z",
      "2024-08-08 23:54:13Z",
      "2024-08-08T23:5x:13Z",
    ]
  ) assert.equal(instantMs(text), undefined, text);
});

Deno.test("isDecimal() takes exactly what decimals are computed from", () => {
  const digits = fc.integer({ min: 1, max: 45 }).map((count) => "7".repeat(count));
  fc.assert(
    fc.property(fc.constantFrom("", "-"), digits, fc.option(digits), (sign, whole, fraction) => {
      const text = `${sign}${whole}${fraction === null ? "" : `.${fraction}`}`;
      assert.equal(isDecimal(text), parseDecimal(text) !== undefined, text);
    }),
    { seed: testSeed("isDecimal"), numRuns: 300 },
  );
});

Deno.test("isDecimal() takes decimal text alone", () => {
  for (const text of ["0", "1.50", "-0.1", "00012", "1234567890123456789.12345678"]) {
    assert.ok(isDecimal(text), text);
  }
  for (const text of ["", "-", ".", "1.", ".5", "1e5", "+1", "1 ", "1.2.3", "٣", "9".repeat(65)]) {
    assert.ok(!isDecimal(text), text);
  }
});

Deno.test("what other converters and other writers put into a topic is told by a code and what was found", () => {
  const row = (changed: Record<string, unknown>) => envelope({ after: { ...ROW, ...changed } });
  const { quantity: _dropped, ...withoutQuantity } = ROW;
  const cases: [string, string | null, string, RegExp][] = [
    [
      "Avro",
      "data:;base64,AAAAAAEOQlRDVVNEVP8=",
      "transform.binary",
      /14 bytes that begin as Avro .* JsonConverter/,
    ],
    ["Avro that is UTF-8", "\0\0\0\0\u0007\u000eBTCUSDT", "transform.binary", /13 bytes that begin as Avro/],
    ["bytes", "data:;base64,/wE=", "transform.binary", /2 bytes that are no UTF-8/],
    ["text", "hello", "transform.bad_json", /JSON/],
    ["empty text", "", "transform.bad_json", /JSON/],
    ["a number", "17", "transform.bad_envelope", /expected an envelope, found 17/],
    ["a bare row (unwrapped)", JSON.stringify(ROW), "transform.unknown_operation", /expected op c, r, u/],
    ["a heartbeat", '{"ts_ms":1763912345123}', "transform.unknown_operation", /found nothing/],
    [
      "a schema without its payload",
      '{"schema":{"type":"struct"},"payload":7}',
      "transform.bad_envelope",
      /expected an envelope, found 7/,
    ],
    [
      "a dropped column",
      envelope({ after: withoutQuantity }),
      "transform.schema_mismatch",
      /"quantity" is missing/,
    ],
    [
      "a renamed column",
      envelope({ after: { ...withoutQuantity, qty: ROW.quantity } }),
      "transform.schema_mismatch",
      /has symbol, .* qty\. If it was renamed, map it in consumer\.columns\.recent_trades/,
    ],
    [
      "numeric as a float",
      row({ price: 61234.56 }),
      "transform.schema_mismatch",
      /"price" must be decimal text/,
    ],
    ["numeric as bytes", row({ price: "AJlV" }), "transform.schema_mismatch", /found "AJlV"/],
    ["numeric NaN", row({ price: "NaN" }), "transform.schema_mismatch", /found "NaN"/],
    [
      "bigint made numeric",
      row({ trade_id: "3712345678" }),
      "transform.schema_mismatch",
      /"trade_id" must be an integer/,
    ],
    ["beyond 2^53", row({ trade_id: 2 ** 60 }), "transform.schema_mismatch", /within ±2\^53/],
    [
      "timestamptz made timestamp",
      row({ trade_time: 1723161253123000 }),
      "transform.schema_mismatch",
      /a time such as/,
    ],
    ["boolean made integer", row({ is_buyer_maker: 1 }), "transform.schema_mismatch", /true or false/],
    ["null where none may be", row({ symbol: null }), "transform.schema_mismatch", /found null/],
  ];
  for (const [name, value, code, message] of cases) {
    const found = failure(value);
    assert.equal(found.code, code, name);
    assert.match(found.message, message, name);
  }
  // Handled: a wrapper around a tombstone, a column more, what is merely wider.
  assert.deepEqual(decode('{"schema":null,"payload":null}'), { kind: "filter", rule: "tombstone" });
  assert.deepEqual(decode(row({ note: "new" })), decode(envelope()));
  assert.equal(decode(row({ trade_time: "2024-08-08T23:54:13.123456Z" })).kind, "keep");
  assert.equal(decode(row({ price: "12345678901234567890.123456789012" })).kind, "keep");
});
