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
        let file = new SpoolFile(path, 3, { buffer: 64 });
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
            file = new SpoolFile(path, 3, { buffer: 64 });
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

Deno.test("I10: SpoolFile in segments reads what is kept, keeps its indexes, and deletes what was let go", () => {
  const folder = Deno.makeTempDirSync();
  const command = fc.oneof(
    { weight: 4, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 300 }) }) },
    fc.record({ truncate: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.constant({ reopen: true, swept: false }),
    {
      weight: 2,
      arbitrary: fc.record({ release: fc.double({ min: 0, max: 1, noNaN: true }), sweep: fc.boolean() }),
    },
    { weight: 4, arbitrary: fc.record({ look: fc.double({ min: 0, max: 0.999, noNaN: true }) }) },
  );
  let opened = 0;
  try {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const name = `file_${opened++}`;
        // No multiple of a record or a page.
        const open = () => new SpoolFile(`${folder}/${name}.f64`, 3, { buffer: 16, segmentBytes: 1000 });
        let file = open();
        file.truncate(0);
        const model: number[] = [];
        let first = 0;
        for (const command of commands) {
          if ("append" in command) {
            for (let i = 0; i < command.append; i++) {
              file.buffer.set([model.length, 7, -model.length], file.append());
              model.push(model.length);
            }
          } else if ("truncate" in command) {
            model.length = first + Math.floor((model.length - first) * command.truncate);
            file.truncate(model.length, first);
          } else if ("reopen" in command) {
            file.flush();
            file.close();
            file = open();
            file.truncate(model.length, first);
          } else if ("release" in command) {
            const next = file.nextRelease;
            assert.ok(next > first && (next - first) * 24 <= 1000 + 24);
            first += Math.floor((model.length - first) * command.release);
            file.flush();
            file.release(first);
            if (command.sweep) file.sweep();
          } else if (model.length > first) {
            const index = first + Math.floor((model.length - first) * command.look);
            assert.equal(file.cell(index, 2), -index);
            assert.deepEqual(
              [...file.read(index, 50)].filter((_, i) => i % 3 === 0),
              model.slice(index, index + 50),
            );
            assert.equal(file.search((cells, at) => cells[at]! >= index), index);
            assert.equal(file.search((cells, at) => cells[at]! >= 0), first);
          }
          assert.equal(file.length, model.length);
          assert.equal(file.first, first);
        }
        file.flush();
        file.sweep();
        const onDisk = [...Deno.readDirSync(folder)].filter((entry) =>
          new RegExp(`^${name}(_s\\d+)?\\.f64$`).test(entry.name)
        )
          .reduce((sum, entry) => sum + Deno.statSync(`${folder}/${entry.name}`).size, 0);
        assert.ok(
          onDisk <= (model.length - first) * 24 + 1000,
          `${onDisk} bytes for ${model.length - first} records`,
        );
        file.close();
      }),
      { seed, numRuns: 100 },
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("SpoolFile.truncate() refuses a file that lacks what a checkpoint counted", () => {
  const folder = Deno.makeTempDirSync();
  const file = new SpoolFile(`${folder}/file.f64`, 1, { buffer: 8 });
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
