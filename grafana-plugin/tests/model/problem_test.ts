import { strict as assert } from "node:assert";
import { foreignAnswer, isPassing, problemOf, timeoutProblem } from "../../src/model/problem.ts";

const what = "Read pipeline";

Deno.test("the control API's problem document keeps its code, detail and hint", () => {
  const problem = problemOf({
    status: 503,
    what,
    body: {
      code: "query.unavailable",
      detail: "Read the store: it is down",
      hint: "Wait",
      retryAfterMs: 2000,
    },
  });
  assert.equal(problem.kind, "unavailable");
  assert.equal(problem.code, "query.unavailable");
  assert.equal(problem.detail, "Read the store: it is down");
  assert.equal(problem.hint, "Wait");
  assert.equal(problem.retryAfterMs, 2000);
  assert.ok(isPassing(problem));
});

Deno.test("a 401 of the control API is the token's, a 401 of Grafana is the session's", () => {
  const body = { code: "control.unauthorized", detail: "No valid token", hint: "Open the console's link" };
  const token = problemOf({ status: 401, what, body });
  assert.equal(token.kind, "token");
  assert.match(token.hint ?? "", /tokens\.json/);
  const session = problemOf({ status: 401, what, body: { message: "Unauthorized" } });
  assert.equal(session.kind, "session");
  assert.match(session.hint ?? "", /sign in/);
});

Deno.test("a 403 tells whether Grafana or the control API refuses", () => {
  assert.equal(
    problemOf({ status: 403, what, body: { message: "plugin proxy route access denied" } }).kind,
    "permission",
  );
  const role = problemOf({
    status: 403,
    what,
    body: { code: "control.forbidden", detail: "Viewer", hint: "Use the operator's" },
  });
  assert.equal(role.kind, "token");
  assert.equal(role.hint, "Use the operator's");
  const host = { code: "control.unknown_host", detail: "Host not allowed", hint: "Add it" };
  assert.equal(problemOf({ status: 403, what, body: host }).kind, "refused", "another token would not help");
});

Deno.test("the proxy's own failures name the address and the host", () => {
  for (const status of [500, 502, 503]) {
    const problem = problemOf({ status, what, body: "" });
    assert.equal(problem.kind, "unreachable", String(status));
    assert.match(problem.hint ?? "", /address/);
  }
  assert.equal(problemOf({ status: 504, what, body: "" }).kind, "timeout");
  assert.equal(problemOf({ status: 0, what, body: undefined }).kind, "grafana");
});

Deno.test("another server at the address is called that, and not tried again", () => {
  for (const problem of [problemOf({ status: 404, what, body: "<html>" }), foreignAnswer(what)]) {
    assert.equal(problem.kind, "not_control_api");
    assert.equal(isPassing(problem), false);
  }
});

Deno.test("a problem document of 404 is the control API's own", () => {
  const problem = problemOf({
    status: 404,
    what,
    body: { code: "control.unknown_trade", detail: "No trade 7" },
  });
  assert.equal(problem.kind, "not_found");
  assert.equal(problem.detail, "No trade 7");
});

Deno.test("a call that was given up says after how long", () => {
  assert.match(timeoutProblem(what, 20_000).detail, /after 20 s/);
});
