import assert from "node:assert/strict";
import { join } from "node:path";
import {
  awaitGone,
  identify,
  isRunning,
  lastLines,
  type ProcessIdentity,
  residentBytes,
  signalProcess,
  spawnDetached,
} from "./server_process.ts";
import { settleSettings } from "./settings.ts";
import { newStackRecord, openStackFolder } from "./stack_file.ts";
import { stopStack } from "./stop_stack.ts";

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function sleeper(folder: string, script = "exec sleep 100"): Promise<ProcessIdentity> {
  const process = await spawnDetached("/bin/sh", ["-c", script], {
    cwd: folder,
    outFile: join(folder, "out"),
    env: { PATH: "/usr/bin:/bin", GREETING: "hello" },
  });
  assert.ok(process);
  return process;
}

Deno.test("a detached process has a clean environment and no input, and its output goes to a file", () =>
  withFolder(async (folder) => {
    // It must still be there when it is looked for.
    const script =
      "while [ ! -e go ]; do sleep 0.02; done; echo $GREETING; env | cut -d= -f1 | sort; cat; echo oops >&2";
    const process = await sleeper(folder, script);
    await Deno.writeTextFile(join(folder, "go"), "");
    assert.ok(await awaitGone(process, 10_000));
    const lines = await lastLines(join(folder, "out"), 20);
    assert.equal(lines[0], "hello");
    assert.equal(lines.at(-1), "oops");
    assert.deepEqual(lines.slice(1, -1).filter((name) => !["_", "PWD", "SHLVL", "OLDPWD"].includes(name)), [
      "GREETING",
      "OUT",
      "PATH",
    ]);
  }));

Deno.test("a process is told by its number and its start: another with the number is not it", () =>
  withFolder(async (folder) => {
    const process = await sleeper(folder);
    try {
      assert.deepEqual(await identify(process.pid), process);
      if (Deno.build.os === "linux") {
        // A session of its own: what ends the terminal's processes does not end it.
        const session = async (pid: number | "self") =>
          (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")[1]!.split(" ")[3];
        assert.notEqual(await session(process.pid), await session("self"));
      }
      assert.ok(await residentBytes(process.pid) > 0);
      const other = { ...process, startTime: `${process.startTime}0` };
      assert.equal(await isRunning(other), false);
      assert.equal(await signalProcess(other, "SIGKILL"), false);
      assert.ok(await isRunning(process));
    } finally {
      assert.ok(await signalProcess(process, "SIGKILL"));
    }
    assert.ok(await awaitGone(process, 10_000));
    assert.equal(await signalProcess(process, "SIGKILL"), false);
  }));

Deno.test("down ends a paused server, and leaves a process alone that only has a server's number", () =>
  withFolder(async (folder) => {
    const [mine, other] = [await sleeper(folder), await sleeper(folder)];
    try {
      {
        using open = await openStackFolder(folder);
        const record = newStackRecord(settleSettings(undefined, {}, () => 0));
        const startedAt = new Date().toISOString();
        await open.save({
          ...record,
          servers: {
            "kafka-1": { ...mine, startedAt },
            connect: { pid: other.pid, startTime: "an earlier one", startedAt },
          },
        });
      }
      await signalProcess(mine, "SIGSTOP");
      await stopStack(folder, { remove: true });
      assert.equal(await isRunning(mine), false);
      assert.ok(await isRunning(other));
    } finally {
      await signalProcess(mine, "SIGKILL");
      await signalProcess(other, "SIGKILL");
    }
  }));

Deno.test("one command at a time changes a stack; what is no record of ours is told, not used", () =>
  withFolder(async (folder) => {
    {
      using _held = await openStackFolder(folder);
      await assert.rejects(openStackFolder(folder), { code: "stack.busy" });
    }
    await Deno.writeTextFile(join(folder, "stack.json"), "{");
    await assert.rejects(openStackFolder(folder), { code: "stack.damaged" });
    await Deno.writeTextFile(join(folder, "stack.json"), '{"format":99}');
    await assert.rejects(openStackFolder(folder), { code: "stack.damaged", message: /format is 99/ });
    await Deno.remove(join(folder, "stack.json"));
    await assert.rejects(stopStack(folder), { code: "stack.none" });
  }));
