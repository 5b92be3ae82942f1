import assert from "node:assert/strict";
import { endLeft } from "./end_left.ts";

Deno.test("what tests leave is ended: their group, and servers that left it and lie in their folder", async () => {
  const folder = await Deno.makeTempDir({ prefix: "candlewire-left-" });
  const script = `${folder}/server.sh`;
  // One that heeds no request to end.
  await Deno.writeTextFile(script, "trap '' INT TERM; echo there; while true; do sleep 0.2; done\n");
  const tests = new Deno.Command("sh", {
    // The server says that it is there when sleep runs too: until then it is called as the shell is.
    args: [
      "-c",
      `sleep 600 & until ps -o args= -p $! | grep -qx "sleep 600"; do sleep 0.01; done; setsid sh ${script} & wait`,
    ],
    stdout: "piped",
    detached: true,
  }).spawn();
  const stranger = new Deno.Command("sleep", { args: ["600"], detached: true }).spawn();
  try {
    const reader = tests.stdout.getReader();
    // The server runs.
    assert.equal(new TextDecoder().decode((await reader.read()).value), "there\n");
    const left = await endLeft(tests.pid, folder);
    await tests.status;
    assert.ok(left.some((command) => command === "sleep 600"), left.join("\n"));
    assert.ok(left.some((command) => command.includes(script)), left.join("\n"));
    // The server held it open.
    assert.ok((await reader.read()).done);
    assert.deepEqual(await endLeft(tests.pid, folder), []);
    stranger.kill("SIGTERM");
    assert.equal((await stranger.status).signal, "SIGTERM", "a stranger was left alone");
  } finally {
    await endLeft(tests.pid, folder);
    await endLeft(stranger.pid, folder);
    await Deno.remove(folder, { recursive: true });
  }
});
