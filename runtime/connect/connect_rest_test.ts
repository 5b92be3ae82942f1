import assert from "node:assert/strict";
import { ConnectRest } from "./connect_rest.ts";

/** A server on loopback that answers as it is told, one answer a request, the last one again and again. */
function answering(...answers: (Response | (() => Promise<Response>))[]) {
  return answeringWithin(30_000, ...answers);
}

/** With a limit of its own for a request, ms. */
function answeringWithin(timeoutMs: number, ...answers: (Response | (() => Promise<Response>))[]) {
  let requests = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async () => {
    const answer = answers[Math.min(requests++, answers.length - 1)]!;
    return typeof answer === "function" ? await answer() : answer.clone();
  });
  return {
    rest: new ConnectRest(`http://127.0.0.1:${server.addr.port}/`, {
      timeoutMs,
      signal: new AbortController().signal,
    }),
    requests: () => requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const json = (status: number, body: unknown) => Response.json(body, { status });

Deno.test("fault `rebalance`: it is asked again, by either of Connect's answers", async () => {
  await using server = answering(
    json(500, { error_code: 500, message: "Request cannot be completed because a rebalance is expected" }),
    json(409, { error_code: 409, message: "Cannot complete request because of a conflicting operation" }),
    json(409, { error_code: 409, message: "Cannot complete request because of a conflicting operation" }),
    json(200, { "slot.name": "x" }),
  );
  assert.deepEqual(await server.rest.settings("c"), { "slot.name": "x" });
  assert.equal(server.requests(), 4);
});

Deno.test("what is not there is undefined; what is refused says why, without a secret (I6)", async () => {
  {
    await using server = answering(json(404, { error_code: 404, message: "Connector c not found" }));
    assert.equal(await server.rest.settings("c"), undefined);
    assert.equal(await server.rest.status("c"), undefined);
    assert.equal(await server.rest.offset("c"), undefined);
  }
  await using server = answering(json(400, {
    error_code: 400,
    message: "Connector configuration is invalid and contains the following 1 error(s):\n" +
      "Error while validating connector config: FATAL: password=hunter2 is wrong\nYou can also find the above list of errors",
  }));
  await assert.rejects(server.rest.put("c", {}), (error: Error & { code: string; retry: string }) => {
    assert.equal(error.code, "connect.refused");
    assert.equal(error.retry, "operator");
    assert.match(error.message, /Error while validating connector config/);
    assert.ok(!error.message.includes("hunter2"));
    return true;
  });
});

Deno.test("fault `foreign`, `broken`, `hold`: an answer that is not Connect's is tried again", async () => {
  {
    await using server = answering(new Response("<html>Welcome</html>", { status: 200 }));
    await assert.rejects(server.rest.status("c"), { code: "connect.unreachable", retry: "retry" });
  }
  {
    await using server = answering(new Response("<html>Not Found</html>", { status: 404 }));
    await assert.rejects(server.rest.settings("c"), { code: "connect.refused", message: /404/ });
  }
  {
    await using server = answering(json(500, { error_code: 500, message: "Request timed out" }));
    await assert.rejects(server.rest.status("c"), { code: "connect.failed", retry: "retry" });
  }
  {
    const held = Promise.withResolvers<Response>();
    await using server = answeringWithin(500, () => held.promise);
    await assert.rejects(server.rest.status("c"), { code: "connect.unreachable", retry: "retry" });
    held.resolve(new Response());
  }
  const nobody = new ConnectRest("http://127.0.0.1:1", {
    timeoutMs: 500,
    signal: new AbortController().signal,
  });
  await assert.rejects(nobody.status("c"), { code: "connect.unreachable", retry: "retry" });
});

Deno.test("offsets: the greatest LSN, also beyond 2^53, and none", async () => {
  const offsets = (offset: unknown) =>
    new Response(
      JSON.stringify({ offsets: [{ partition: { server: "x" }, offset }] }).replace(
        '"big"',
        "9223372036854775000",
      ),
    );
  for (
    const [offset, expected] of [
      [{ lsn: 7, lsn_proc: 9, lsn_commit: 8 }, { lsn: 9n, snapshot: false }],
      [{ lsn: "big", lsn_proc: null }, { lsn: 9223372036854775000n, snapshot: false }],
      [{ lsn: 7, snapshot: "INITIAL", last_snapshot_record: false }, { lsn: 7n, snapshot: true }],
      [{ lsn: 7, snapshot: "INITIAL", last_snapshot_record: true }, { lsn: 7n, snapshot: false }],
      [{ ts_usec: 1 }, { lsn: null, snapshot: false }],
      [null, undefined],
    ] as const
  ) {
    await using server = answering(offsets(offset));
    assert.deepEqual(await server.rest.offset("c"), expected);
  }
  await using server = answering(json(200, { offsets: [] }));
  assert.equal(await server.rest.offset("c"), undefined);
});
