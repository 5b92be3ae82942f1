import assert from "node:assert/strict";
import { Gate } from "./gate.ts";

Deno.test("a gate lets through what fits, in order, and what is heavier than it alone", async () => {
  const gate = new Gate(10);
  const { signal } = new AbortController();
  const running = new Set<string>();
  const most: string[][] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, weight: number, until = signal) =>
    gate.run(
      () => {
        running.add(name);
        most.push([...running]);
        return new Promise<void>((resolve) =>
          ends.set(name, () => {
            running.delete(name);
            resolve();
          })
        );
      },
      until,
      { weight },
    );
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  const works = [run("a", 6), run("b", 5), run("c", 4), run("heavy", 99), run("d", 1)];
  await settled();
  assert.deepEqual([...running], ["a"], "c would fit, but b came before");
  ends.get("a")!();
  await settled();
  assert.deepEqual([...running], ["b", "c"]);
  ends.get("b")!();
  ends.get("c")!();
  await settled();
  assert.deepEqual([...running], ["heavy"]);
  ends.get("heavy")!();
  await settled();
  assert.deepEqual([...running], ["d"]);
  ends.get("d")!();
  await Promise.all(works);
  assert.equal(most.length, 5);
});

Deno.test("who gives up leaves the gate to those behind", async () => {
  const gate = new Gate(2);
  const { signal } = new AbortController();
  const open = Promise.withResolvers<void>();
  const first = gate.run(() => open.promise, signal);
  const impatient = new AbortController();
  const heavy = gate.run(() => Promise.resolve("ran"), impatient.signal, { weight: 2 });
  const behind = gate.run(() => Promise.resolve("ran"), signal);
  impatient.abort(new Error("gone"));
  await assert.rejects(heavy, /gone/);
  assert.equal(await behind, "ran");
  open.resolve();
  await first;
  await assert.rejects(gate.run(() => Promise.resolve(), impatient.signal), /gone/);
  await assert.rejects(gate.run(() => Promise.reject(new Error("failed")), signal), /failed/);
  assert.equal(await gate.run(() => Promise.resolve("ran"), signal, { weight: 2 }), "ran");
});
