import assert from "node:assert/strict";
import fc from "fast-check";
import { CandlewireError } from "../error.ts";
import { testSeed } from "../tests/seed.ts";
import { SpoolFile } from "./spool_file.ts";

const seed = testSeed("spool_file_test");

Deno.test("SpoolFile reads what was appended, from the buffer, pages and disk, through flush, truncate and reopening", () => {
  const folder = Deno.makeTempDirSync();
  const command = fc.oneof(
    { weight: 4, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 700 }) }) },
    fc.record({ truncate: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.constant({ flush: true }),
    fc.constant({ reopen: true }),
    { weight: 4, arbitrary: fc.record({ look: fc.double({ min: 0, max: 0.999, noNaN: true }) }) },
  );
  try {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
        const path = `${folder}/file.f64`;
        let file = new SpoolFile(path, 3, 64);
        file.truncate(0);
        const model: number[] = [];
        let value = 0;
        for (const command of commands) {
          if ("append" in command) {
            for (let i = 0; i < command.append; i++) {
              const at = file.append();
              file.buffer.set([++value, value * 2, -value], at);
              model.push(value);
            }
          } else if ("truncate" in command) {
            model.length = Math.floor(model.length * command.truncate);
            file.truncate(model.length);
          } else if ("reopen" in command) {
            file.flush();
            file.close();
            file = new SpoolFile(path, 3, 64);
          } else if ("flush" in command) file.flush();
          else if (model.length > 0) {
            const index = Math.floor(model.length * command.look);
            const at = file.at(index);
            assert.deepEqual([...file.cells.subarray(at, at + 3)], [
              model[index],
              model[index]! * 2,
              -model[index]!,
            ]);
            const some = file.read(index, 5);
            assert.deepEqual([...some].filter((_, i) => i % 3 === 0), model.slice(index, index + 5));
          }
          assert.equal(file.length, model.length);
          const goal = model[Math.floor(model.length / 3)];
          if (goal !== undefined) {
            assert.equal(file.search((cells, at) => cells[at]! >= goal), model.indexOf(goal));
          }
        }
        file.close();
      }),
      { seed, numRuns: 60 },
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("SpoolFile.truncate() refuses a file that lacks what a checkpoint counted", () => {
  const folder = Deno.makeTempDirSync();
  const file = new SpoolFile(`${folder}/file.f64`, 1, 8);
  try {
    assert.throws(
      () => file.truncate(1),
      (error) => error instanceof CandlewireError && error.code === "exchange.spool_short",
    );
  } finally {
    file.close();
    Deno.removeSync(folder, { recursive: true });
  }
});
