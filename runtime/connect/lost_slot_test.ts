import assert from "node:assert/strict";
import { lostSlot } from "./lost_slot.ts";

const SLOT = { active: false, confirmedLsn: 100n, lost: null, lagBytes: 0 };
const OFFSET = { lsn: 100n, snapshot: false };

Deno.test("lostSlot() covers what Connect and PostgreSQL can say", () => {
  const cases: [string, Parameters<typeof lostSlot>, string | undefined][] = [
    ["nothing anywhere: the first start", [undefined, undefined, true], undefined],
    ["a slot without an offset: a snapshot is under way", [undefined, SLOT, true], undefined],
    ["both, equal", [OFFSET, SLOT, true], undefined],
    ["slot behind: some changes come again", [OFFSET, { ...SLOT, confirmedLsn: 90n }, true], undefined],
    ["slot ahead while tasks work: both move", [OFFSET, { ...SLOT, confirmedLsn: 110n }, false], undefined],
    ["slot ahead while none works", [OFFSET, { ...SLOT, confirmedLsn: 110n }, true], "moved"],
    ["an offset that names no position", [{ lsn: null, snapshot: true }, SLOT, true], undefined],
    ["an offset without a slot", [OFFSET, undefined, false], "dropped"],
    ["invalidated", [OFFSET, { ...SLOT, lost: "x" }, false], "invalidated"],
    ["invalidated before anything was stored", [undefined, { ...SLOT, lost: "x" }, false], "invalidated"],
  ];
  for (const [name, args, reason] of cases) assert.equal(lostSlot(...args)?.reason, reason, name);
});
