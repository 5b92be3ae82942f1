import assert from "node:assert/strict";
import { CandlewireError } from "../error.ts";
import { eventually } from "../tests/until.ts";
import { fixture, OPERATOR, ORIGIN, T0, VIEWER } from "./control_fixture.ts";

type Case = {
  route: string;
  method?: string;
  body?: unknown;
  status?: number;
  /** A bad variant and the parameter its problem must name. */
  bad?: { route?: string; body?: unknown; parameter: string }[];
  /** Something of a good answer. */
  has: (answer: Record<string, unknown>) => void;
};

const rows = (count: number) => (answer: Record<string, unknown>) =>
  assert.equal((answer.rows as unknown[]).length, count);
const range = (path: string, count: number): Case => ({
  route: `/api/v1/market/${path}?symbol=BTCUSDT`,
  has: rows(count),
  bad: [
    { route: `/api/v1/market/${path}`, parameter: "symbol" },
    { route: `/api/v1/market/${path}?symbol=btcusdt`, parameter: "symbol" },
    { route: `/api/v1/market/${path}?symbol=A&symbol=B`, parameter: "symbol" },
    { route: `/api/v1/market/${path}?symbol=BTCUSDT&limit=0`, parameter: "limit" },
    { route: `/api/v1/market/${path}?symbol=BTCUSDT&limit=1e3`, parameter: "limit" },
    { route: `/api/v1/market/${path}?symbol=BTCUSDT&from=yesterday`, parameter: "from" },
    { route: `/api/v1/market/${path}?symbol=BTCUSDT&from=2026-02-01&to=2026-01-01`, parameter: "from" },
    { route: `/api/v1/market/${path}?symbol=BTCUSDT&to=99999999999999999`, parameter: "to" },
    { route: `/api/v1/market/${path}?symbol=BTCUSDT&form=1`, parameter: "form" },
  ],
});

const CASES: Case[] = [
  { route: "/api/v1/pipeline", has: (a) => assert.equal((a.stages as unknown[]).length, 8) },
  { route: "/api/v1/modules", has: (a) => assert.equal((a.modules as unknown[]).length, 3) },
  {
    route: "/api/v1/modules/consumer",
    has: (a) => assert.equal((a.module as { name: string }).name, "consumer"),
    bad: [{ route: "/api/v1/modules/No%20Module", parameter: "name" }],
  },
  ...["start", "stop", "restart"].map((action): Case => ({
    route: `/api/v1/modules/consumer/${action}`,
    method: "POST",
    has: (a) =>
      assert.equal((a.module as { state: string }).state, action === "stop" ? "stopped" : "running"),
    bad: [{ route: "/api/v1/modules/consumer/explode", parameter: "action" }],
  })),
  {
    route: "/api/v1/modules/consumer/approve",
    method: "POST",
    body: { digest: "a".repeat(64) },
    has: (a) => assert.ok(a.module),
    bad: [{ body: {}, parameter: "digest" }, { body: { digest: "x" }, parameter: "digest" }],
  },
  {
    route: "/api/v1/dead-letters?limit=2",
    has: rows(2),
    bad: [
      { route: "/api/v1/dead-letters?topic=other", parameter: "topic" },
      { route: "/api/v1/dead-letters?limit=501", parameter: "limit" },
    ],
  },
  {
    route: "/api/v1/dead-letters/letter-1",
    has: (a) => assert.equal((a.deadLetter as { id: string }).id, "letter-1"),
  },
  { route: "/api/v1/dead-letters/letter-1", method: "DELETE", has: (a) => assert.equal(a.dropped, true) },
  {
    route: "/api/v1/dead-letters/retry",
    method: "POST",
    body: { all: true },
    has: (a) => assert.deepEqual([a.retried, a.stored, a.failed], [2, 1, 1]),
    bad: [
      { body: {}, parameter: "body" },
      { body: { all: true, code: "x" }, parameter: "body" },
      { body: { ids: [] }, parameter: "ids" },
      { body: { id: "x" }, parameter: "id" },
    ],
  },
  {
    route: "/api/v1/replays",
    method: "POST",
    status: 201,
    body: { topic: "binance.public.klines", from_time: "2026-01-31T12:00:00Z", dry_run: true },
    has: (a) => assert.equal((a.replay as { dry_run: boolean }).dry_run, true),
    bad: [
      { body: {}, parameter: "topic" },
      { body: { topic: "binance.public.klines", from_offset: 3 }, parameter: "partition" },
      {
        body: { topic: "binance.public.klines", partition: 0, from_offset: 3, until_offset: 3 },
        parameter: "from_offset",
      },
      { body: { topic: "binance.public.klines", from_time: "noon" }, parameter: "from_time" },
      { body: [], parameter: "body" },
    ],
  },
  { route: "/api/v1/replays", has: (a) => assert.ok(Array.isArray(a.replays)) },
  {
    route: "/api/v1/replays/replay-1",
    has: (a) => assert.equal((a.replay as { id: string }).id, "replay-1"),
  },
  {
    route: "/api/v1/replays/replay-1",
    method: "DELETE",
    has: (a) => assert.equal((a.replay as { state: string }).state, "cancelled"),
  },
  {
    route: "/api/v1/completeness",
    has: rows(1),
    bad: [{ route: "/api/v1/completeness?symbol=%F0%9F%98%80", parameter: "symbol" }],
  },
  {
    route: "/api/v1/lineage/trades/BTCUSDT/100",
    has: (a) => {
      const record = a.record as { offset: number; lsn: string; txId: number };
      assert.deepEqual([record.offset, record.lsn, record.txId], [10, "0/16E9058", 771]);
    },
    bad: [{ route: "/api/v1/lineage/trades/BTCUSDT/1.5", parameter: "tradeId" }],
  },
  {
    route: "/api/v1/market/tickers",
    has: (a) => assert.deepEqual((a.rows as { symbol: string }[]).map((row) => row.symbol)[0], "BTCUSDT"),
    bad: [{ route: "/api/v1/market/tickers?orderBy=luck", parameter: "orderBy" }],
  },
  range("prices", 30),
  range("klines", 1),
  range("trades", 30),
  range("aggregates", 1),
  {
    route: "/api/v1/market/aggregates?symbol=BTCUSDT&window=5m",
    has: rows(0),
    bad: [{ route: "/api/v1/market/aggregates?symbol=BTCUSDT&window=2m", parameter: "window" }],
  },
  {
    route: "/api/v1/market/order-book?symbol=BTCUSDT&limit=1",
    has: (a) => assert.equal((a.rows as { levels: unknown[] }[])[0]!.levels.length, 2),
    bad: [{ route: "/api/v1/market/order-book", parameter: "symbol" }],
  },
  { route: "/api/v1/market/order-book?symbol=NOSUCH", has: rows(0) },
  { route: "/api/v1/alerts", has: rows(1), bad: [{ route: "/api/v1/alerts?limit=no", parameter: "limit" }] },
  {
    route: "/api/v1/modules/consumer/logs",
    has: (a) => assert.ok(Array.isArray(a.lines)),
    bad: [{ route: "/api/v1/modules/consumer/logs?level=loud", parameter: "level" }],
  },
  {
    route: "/api/v1/events?channels=alerts",
    has: () => {},
    bad: [
      { route: "/api/v1/events?channels=gossip", parameter: "channels.0" },
      { route: "/api/v1/events?symbols=BTCUSDT,eth", parameter: "symbols.1" },
    ],
  },
];

Deno.test("every route: its answer, 401, 403, bad parameters, origin (I8)", async () => {
  const f = fixture();
  await f.request("/api/v1/replays", {
    method: "POST",
    token: OPERATOR,
    body: `{"topic":"binance.public.klines"}`,
  });
  for (const one of CASES) {
    const method = one.method ?? "GET";
    const name = `${method} ${one.route}`;
    const body = one.body === undefined ? undefined : JSON.stringify(one.body);
    const headers = { accept: "application/json" };

    const nobody = await f.request(one.route, { method, body, headers });
    assert.equal(nobody.status, 401, name);
    const wrong = await f.request(one.route, { method, body, headers, token: "wrong-token-of-nobody" });
    assert.equal(wrong.status, 401, name);
    assert.equal((await problem(wrong)).code, "control.unauthorized", name);
    if (method !== "GET") {
      const viewer = await f.request(one.route, { method, body, headers, token: VIEWER });
      assert.equal(viewer.status, 403, name);
      assert.equal((await problem(viewer)).code, "control.forbidden", name);
    }

    for (const bad of one.bad ?? []) {
      const answer = await f.request(bad.route ?? one.route, {
        method,
        headers,
        body: bad.body === undefined ? body : JSON.stringify(bad.body),
        token: OPERATOR,
      });
      const document = await problem(answer);
      assert.equal(answer.status, 400, `${name}: ${JSON.stringify(bad)} ${JSON.stringify(document)}`);
      assert.equal(document.parameter, bad.parameter, JSON.stringify(document));
      assert.ok(document.hint, name);
    }

    const answer = await f.request(one.route, {
      method,
      body,
      headers,
      token: method === "GET" ? VIEWER : OPERATOR,
    });
    assert.equal(answer.status, one.status ?? 200, name);
    assert.equal(answer.headers.get("candlewire-origin"), "exchange/run-7", name);
    assert.equal(answer.headers.get("candlewire-simulated"), "true", name);
    if (answer.headers.get("content-type")!.startsWith("text/event-stream")) {
      await answer.body!.cancel();
      continue;
    }
    const document = await answer.json();
    // I8: no answer without its origin.
    assert.deepEqual(document.origin, ORIGIN, name);
    assert.equal(document.simulated, true, name);
    one.has(document);
  }
  await f.close();
});

Deno.test("the table above covers every route of the document", async () => {
  const f = fixture();
  const document = await (await f.request("/openapi.json")).json();
  const tested = CASES.map((one) => `${(one.method ?? "GET").toLowerCase()} ${one.route.split("?")[0]}`);
  for (const [path, item] of Object.entries(document.paths)) {
    if (!path.startsWith("/api/v1")) continue;
    const pattern = path.replace(/\{\w+\}/g, "[^/]+");
    for (const method of Object.keys(item as object)) {
      assert.ok(
        tested.some((one) => new RegExp(`^${method} ${pattern}$`).test(one)),
        `${method} ${path} is not tested`,
      );
    }
  }
  await f.close();
});

Deno.test("what is not there is a 404 problem", async () => {
  const f = fixture();
  for (
    const [path, method] of [
      ["/api/v1/nothing", "GET"],
      ["/api/v1/modules/nobody", "GET"],
      ["/api/v1/modules/nobody/start", "POST"],
      ["/api/v1/modules/nobody/logs", "GET"],
      ["/api/v1/dead-letters/none", "GET"],
      ["/api/v1/dead-letters/none", "DELETE"],
      ["/api/v1/replays/none", "GET"],
      ["/api/v1/replays/none", "DELETE"],
      ["/api/v1/lineage/trades/BTCUSDT/1", "GET"],
      ["/nothing.js", "GET"],
      ["/vendor/other.js", "GET"],
      ["/vendor/constructor", "GET"],
      ["/..%2f..%2fdeno.json", "GET"],
      ["/.git/config", "GET"],
      ["/contract.md", "GET"],
    ] as const
  ) {
    const answer = await f.request(path, { method, token: OPERATOR });
    const document = await problem(answer);
    assert.equal(answer.status, 404, path);
    assert.equal(document.code, "control.not_found", path);
    assert.deepEqual(document.origin, ORIGIN);
  }
  await f.close();
});

Deno.test("paging follows next and the Link header to the end", async () => {
  const f = fixture();
  const seen: number[] = [];
  let path: string | undefined = "/api/v1/market/trades?symbol=BTCUSDT&limit=7&order=asc";
  while (path !== undefined) {
    const answer: Response = await f.request(path, { token: VIEWER });
    const page = await answer.json();
    seen.push(...page.rows.map((row: { trade_id: number }) => row.trade_id));
    const link: string | undefined = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1];
    assert.equal(link === undefined, page.next === null);
    path = link;
  }
  assert.deepEqual(seen, Array.from({ length: 30 }, (_, n) => n));
  const bad = await f.request("/api/v1/market/trades?symbol=BTCUSDT&cursor=zzz", { token: VIEWER });
  assert.equal(bad.status, 400);
  assert.equal((await problem(bad)).code, "query.bad_cursor");
  await f.close();
});

Deno.test("a time may be ISO text, with an offset too, or epoch milliseconds", async () => {
  const f = fixture();
  for (const from of ["2026-01-31T12:00:10Z", "2026-01-31T13:00:10%2B01:00", String(T0 + 10_000)]) {
    const answer = await f.request(`/api/v1/market/trades?symbol=BTCUSDT&from=${from}`, { token: VIEWER });
    assert.equal((await answer.json()).rows.length, 20, from);
  }
  const empty = await f.request(`/api/v1/market/trades?symbol=BTCUSDT&from=${T0}&to=${T0}`, {
    token: VIEWER,
  });
  assert.equal((await empty.json()).rows.length, 0);
  await f.close();
});

Deno.test("an error becomes the problem of its class", async () => {
  const f = fixture();
  const cases: [unknown, number, string][] = [
    [new CandlewireError("host.unreachable", "Call x", { retry: "retry" }), 503, "host.unreachable"],
    [new CandlewireError("host.timeout", "Call x", { retry: "retry" }), 504, "host.timeout"],
    [new CandlewireError("replays.blocked", "Replay x", { retry: "operator" }), 409, "replays.blocked"],
    [new CandlewireError("replays.unsupported", "Replay x"), 422, "replays.unsupported"],
    [new CandlewireError("log.unknown_topic", "Replay x"), 404, "log.unknown_topic"],
    [new CandlewireError("replays.bad_range", "Replay x"), 400, "replays.bad_range"],
    [new TypeError("secret inner text of /home/someone"), 500, "control.unexpected"],
  ];
  for (const [error, status, code] of cases) {
    f.host.answer("consumer", "replays.create", () => {
      throw error;
    });
    const answer = await f.request("/api/v1/replays", {
      method: "POST",
      token: OPERATOR,
      body: `{"topic":"binance.public.klines"}`,
    });
    const text = await answer.text();
    assert.equal(answer.status, status, text);
    assert.equal(JSON.parse(text).code, code);
    assert.equal(answer.headers.get("retry-after"), status === 503 || status === 504 ? "1" : null);
    assert.ok(!text.includes("secret inner text") && !text.includes("at "), text);
  }
  // The operator finds the cause in the log, by the request id.
  assert.ok(
    f.logs.some((line) => line.level === "error" && String(line.fields?.cause).includes("secret inner text")),
  );
  await f.host.stop("consumer");
  const down = await f.request("/api/v1/replays", { token: VIEWER });
  assert.equal(down.status, 503);
  assert.match((await problem(down)).detail!, /not running/);
  await f.close();
});

Deno.test("a store that cannot be read is 503, and rows of another origin are never shown (I8)", async () => {
  const f = fixture();
  f.query.failure = new Error("SQLITE_BUSY: inner text");
  // The store's origin is remembered for a moment only.
  const read = () => f.request("/api/v1/market/tickers", { token: VIEWER });
  await eventually(async () => (await read()).status === 503, "the failure shows");
  const answer = await read();
  const text = await answer.text();
  assert.ok(!text.includes("inner text"), text);
  await f.close();

  const other = fixture({ origin: { kind: "live", id: "binance", label: "Binance" } });
  const refused = await other.request("/api/v1/market/tickers", { token: VIEWER });
  assert.equal(refused.status, 409);
  assert.equal((await problem(refused)).code, "control.origin_mismatch");
  const ready = await (await other.request("/readyz")).json();
  assert.equal(ready.status, "not_ready");
  assert.ok(
    ready.checks.some((check: { name: string; ok: boolean }) => check.name === "origin" && !check.ok),
  );
  await other.close();
});

Deno.test("bodies: too large, not JSON, of another type", async () => {
  const f = fixture();
  const post = (body: string, type?: string) =>
    f.request("/api/v1/replays", {
      method: "POST",
      token: OPERATOR,
      body,
      headers: type === undefined ? {} : { "content-type": type },
    });
  assert.equal((await post(`{"topic":"${"x".repeat(70_000)}"}`)).status, 413);
  assert.equal((await post("{", "application/json")).status, 400);
  assert.equal((await problem(await post("{"))).code, "control.bad_body");
  assert.equal((await post("a=b", "application/x-www-form-urlencoded")).status, 415);
  assert.equal((await post("{}", "text/plain")).status, 415);
  const long = await f.request(`/api/v1/market/trades?symbol=BTCUSDT&cursor=${"x".repeat(9_000)}`, {
    token: VIEWER,
  });
  assert.equal(long.status, 414);
  await f.close();
});

Deno.test("a change that takes long answers 202 and its failure is logged", async () => {
  const f = fixture({ settings: { actionTimeoutMs: 20 } });
  let fail = (_: Error) => {};
  f.host.gate = new Promise((_, reject) => fail = reject);
  const answer = await f.request("/api/v1/modules/consumer/stop", { method: "POST", token: OPERATOR });
  assert.equal(answer.status, 202);
  fail(new Error("it would not stop"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(
    f.logs.some((line) => line.level === "error" && String(line.fields?.cause).includes("would not stop")),
  );
  const conflict = await f.request("/api/v1/modules/consumer/approve", {
    method: "POST",
    token: OPERATOR,
    body: JSON.stringify({ digest: "b".repeat(64) }),
  });
  assert.equal(conflict.status, 409);
  await f.close();
});

Deno.test("changes are audited with role and Grafana's account, and no secret is in any log (I6)", async () => {
  const f = fixture();
  await f.request("/api/v1/modules/consumer/restart", {
    method: "POST",
    token: OPERATOR,
    headers: { "x-grafana-context": `{"login":"ann"}` },
  });
  const line = f.logs.find((one) => one.fields?.audit === true)!;
  assert.deepEqual([line.fields!.action, line.fields!.role, line.fields!.actor, line.fields!.module], [
    "modules.restart",
    "operator",
    `{"login":"ann"}`,
    "consumer",
  ]);
  const answers = await Promise.all(
    ["/api/v1/pipeline", "/api/v1/modules", "/metrics", "/readyz", "/openapi.json", "/docs"].map(async (
      path,
    ) => await (await f.request(path, { token: OPERATOR })).text()),
  );
  for (const text of [...answers, JSON.stringify(f.logs)]) {
    assert.ok(!text.includes(OPERATOR) && !text.includes(VIEWER));
  }
  await f.close();
});

async function problem(answer: Response): Promise<Record<string, string>> {
  const type = answer.headers.get("content-type");
  const text = await answer.text();
  assert.equal(type, "application/problem+json", text);
  const document = JSON.parse(text);
  for (const member of ["type", "title", "status", "detail", "code", "instance", "requestId"]) {
    assert.ok(document[member] !== undefined, `${member} in ${text}`);
  }
  assert.equal(document.status, answer.status);
  return document;
}
