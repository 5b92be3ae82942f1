import assert from "node:assert/strict";
import { fixture, OPERATOR, VIEWER } from "./control_fixture.ts";

Deno.test("Host: ours pass, a rebound name is refused everywhere", async () => {
  const f = fixture();
  for (const host of ["127.0.0.1:8787", "localhost", "LOCALHOST:1", "[::1]:8787", "127.1.2.3"]) {
    assert.equal((await f.request("/healthz", { headers: { host } })).status, 200, host);
  }
  const foreign = [
    "evil.example",
    "127.0.0.1.evil.example",
    "10.0.0.7:8787",
    "localhost@evil.example",
    "[::2]",
    "a b",
  ];
  for (const host of foreign) {
    for (const path of ["/healthz", "/", "/api/v1/modules", "/login?code=x"]) {
      const answer = await f.request(path, { headers: { host }, token: OPERATOR });
      assert.equal(answer.status, 403, `${host} ${path}`);
      assert.equal((await answer.json()).code, "control.unknown_host");
    }
  }
  await f.close();

  const wide = fixture({
    listen: { hostname: "0.0.0.0", port: 0 },
    settings: { allowedHosts: ["Candlewire.example.org"] },
  });
  for (const host of ["10.0.0.7:8787", "candlewire.example.org", "[2001:db8::1]:80"]) {
    assert.equal((await wide.request("/healthz", { headers: { host } })).status, 200, host);
  }
  assert.equal((await wide.request("/healthz", { headers: { host: "evil.example" } })).status, 403);
  await wide.close();
});

Deno.test("Origin: changes come from our own page, an allowed one, or a program", async () => {
  const f = fixture({ settings: { allowedOrigins: ["https://proxy.example"] } });
  const cookie = await signIn(f);
  const change = (headers: Record<string, string>) =>
    f.request("/api/v1/modules/consumer/restart", { method: "POST", headers }).then((answer) =>
      answer.status
    );
  const own = "http://127.0.0.1:8787";
  const bearer = { authorization: `Bearer ${OPERATOR}` };
  assert.equal(await change({ cookie, origin: own }), 200);
  assert.equal(await change({ cookie, origin: "https://proxy.example" }), 200);
  assert.equal(await change(bearer), 200);
  assert.equal(await change({ ...bearer, origin: own }), 200);
  // A page of elsewhere, with whatever it has.
  for (
    const origin of [
      "http://evil.example",
      "null",
      "http://127.0.0.1:9999",
      "https://127.0.0.1:8787.evil.example",
      "",
    ]
  ) {
    assert.equal(await change({ cookie, origin }), 403, origin);
    assert.equal(await change({ ...bearer, origin }), 403, origin);
  }
  // A cookie comes from a page only, and pages say where they are from.
  assert.equal(await change({ cookie }), 403);
  assert.equal(await change({ cookie, "sec-fetch-site": "cross-site" }), 403);
  // As Grafana's proxy sends a browser's change: no Origin, the browser's Sec-Fetch-Site, the operator's token.
  const proxied = { ...bearer, "sec-fetch-site": "same-origin" };
  assert.equal(await change(proxied), 200);
  assert.equal(await change({ ...proxied, origin: "http://evil.example" }), 403);
  // Reading is not a change.
  assert.equal(
    (await f.request("/api/v1/modules", { headers: { cookie, origin: "http://evil.example" } })).status,
    200,
  );
  await f.close();
});

Deno.test("the login link works once and expires; the cookie is HttpOnly and Strict", async () => {
  let now = 1_000_000;
  const f = fixture({ nowMs: () => now });
  const code = f.sessions.newCode(now);
  // A link preview does not use it up.
  assert.equal((await f.request(`/login?code=${code}`, { method: "HEAD" })).status, 303);
  const first = await f.request(`/login?code=${code}`);
  assert.equal(first.status, 303);
  assert.equal(first.headers.get("location"), "/");
  const cookie = first.headers.get("set-cookie")!;
  assert.match(cookie, /^candlewire_session=[A-Za-z0-9_-]{43};.*HttpOnly/);
  assert.match(cookie, /SameSite=Strict/);
  assert.match(cookie, /Path=\//);
  const second = await f.request(`/login?code=${code}`);
  assert.equal(second.status, 401);
  assert.equal(second.headers.get("set-cookie"), null);
  assert.ok(!(await second.text()).includes(code), "a code is not echoed");

  const late = f.sessions.newCode(now);
  now += f.parts.config.loginCodeTtlMs;
  assert.equal((await f.request(`/login?code=${late}`)).status, 401);

  const session = (cookie: string) =>
    f.request("/session", { headers: { cookie } }).then((one) => one.json());
  const pair = cookie.split(";")[0]!;
  assert.equal((await session(pair)).role, "operator");
  now += f.parts.config.sessionTtlMs;
  assert.equal((await session(pair)).role, null);
  assert.equal((await f.request("/api/v1/modules", { headers: { cookie: pair } })).status, 401);
  // I6: neither code nor session in any log line.
  assert.ok(!JSON.stringify(f.logs).includes(code) && !JSON.stringify(f.logs).includes(pair.split("=")[1]!));
  await f.close();
});

Deno.test("a token opens a session of its role, which can be closed", async () => {
  const f = fixture();
  const own = { origin: "http://127.0.0.1:8787" };
  const open = await f.request("/session", {
    method: "POST",
    body: JSON.stringify({ token: VIEWER }),
    headers: own,
  });
  assert.equal((await open.json()).role, "viewer");
  const cookie = open.headers.get("set-cookie")!.split(";")[0]!;
  assert.equal((await f.request("/api/v1/modules", { headers: { cookie } })).status, 200);
  const change = await f.request("/api/v1/modules/consumer/stop", {
    method: "POST",
    headers: { cookie, ...own },
  });
  assert.equal(change.status, 403);
  await f.request("/session", { method: "DELETE", headers: { cookie, ...own } });
  assert.equal((await f.request("/api/v1/modules", { headers: { cookie } })).status, 401);
  const foreign = await f.request("/session", {
    method: "POST",
    body: JSON.stringify({ token: VIEWER }),
    headers: { origin: "http://evil.example" },
  });
  assert.equal(foreign.status, 403);
  await f.close();
});

Deno.test("guessing is limited by address; a stale token alone locks nobody out", async () => {
  let now = 0;
  const f = fixture({ settings: { maxSignInFailures: 3 }, nowMs: () => now });
  const call = (token: string, address: string) =>
    f.request("/api/v1/modules", { token, address }).then((answer) => answer.status);
  for (let n = 0; n < 10; n++) assert.equal(await call("the-same-stale-token", "10.0.0.1"), 401);
  assert.equal(await call(VIEWER, "10.0.0.1"), 200);
  assert.deepEqual([await call("guess-1", "10.0.0.1"), await call("guess-2", "10.0.0.1")], [401, 401]);
  const limited = await f.request("/api/v1/modules", { token: "guess-3", address: "10.0.0.1" });
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get("retry-after"), "60");
  // Once a wrong credential, whatever how often it came; and never the credential (I6).
  assert.equal(f.logs.filter((line) => line.message.startsWith("Sign-in failed")).length, 3);
  assert.ok(!JSON.stringify(f.logs).includes("guess-"));
  // Codes count, too; others are not touched; a session goes on.
  assert.equal((await f.request("/login?code=guess-4", { address: "10.0.0.1" })).status, 429);
  assert.equal(await call(VIEWER, "10.0.0.2"), 200);
  now = 60_000;
  assert.equal(await call(VIEWER, "10.0.0.1"), 200);
  await f.close();
});

Deno.test("metrics: open to loopback, not through a proxy, not from elsewhere", async () => {
  const f = fixture();
  const read = (init: Parameters<typeof f.request>[1]) =>
    f.request("/metrics", init).then((one) => one.status);
  assert.equal(await read({ address: "127.0.0.1" }), 200);
  assert.equal(await read({ address: "::1" }), 200);
  assert.equal(await read({ address: "127.0.0.1", headers: { "x-forwarded-for": "10.0.0.9" } }), 401);
  assert.equal(await read({ address: "10.0.0.9" }), 401);
  assert.equal(await read({ address: "10.0.0.9", token: VIEWER }), 200);
  await f.close();
});

Deno.test("every answer carries the security headers; the API is not cached", async () => {
  const f = fixture();
  for (
    const path of ["/healthz", "/docs", "/vendor/uplot.js", "/api/v1/modules", "/nothing", "/openapi.json"]
  ) {
    const { headers } = await f.request(path, { token: VIEWER });
    assert.match(headers.get("content-security-policy")!, /default-src 'none'; script-src 'self';/, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(headers.get("x-frame-options"), "DENY", path);
    assert.equal(headers.get("referrer-policy"), "no-referrer", path);
    assert.equal(headers.get("candlewire-simulated"), "true", path);
    assert.equal(headers.get("access-control-allow-origin"), null, path);
    assert.equal(headers.get("cache-control"), path.startsWith("/vendor") ? "no-cache" : "no-store", path);
  }
  await f.close();
});

async function signIn(f: ReturnType<typeof fixture>): Promise<string> {
  const answer = await f.request(`/login?code=${f.sessions.newCode(Date.now())}`);
  return answer.headers.get("set-cookie")!.split(";")[0]!;
}
