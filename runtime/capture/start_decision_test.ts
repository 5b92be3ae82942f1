import assert from "node:assert/strict";
import type { EpochMs } from "../market/epoch.ts";
import type { CapturePosition } from "./sink/change_sink.ts";
import { type KnownSlot, startDecision } from "./start_decision.ts";

const POSITION: CapturePosition = {
  systemId: "7",
  commitLsn: "0/10",
  changes: -1,
  acknowledgedLsn: "0/20",
  snapshot: null,
};
const SLOT: KnownSlot = { confirmedLsn: "0/20", lost: null };

Deno.test("startDecision() covers what the sink and the server can say", () => {
  const cases: [
    string,
    CapturePosition | undefined,
    KnownSlot | undefined,
    string,
    Record<string, unknown>,
  ][] = [
    ["nothing anywhere", undefined, undefined, "7", { kind: "first", dropSlot: false }],
    ["a slot without a journal", undefined, SLOT, "7", { kind: "first", dropSlot: true }],
    ["both agree", POSITION, SLOT, "7", { kind: "resume" }],
    ["the slot is behind", POSITION, { ...SLOT, confirmedLsn: "0/1F" }, "7", { kind: "resume" }],
    [
      "the slot is ahead",
      POSITION,
      { ...SLOT, confirmedLsn: "0/21" },
      "7",
      { kind: "resnapshot", reason: "moved" },
    ],
    [
      "an interrupted snapshot",
      {
        ...POSITION,
        changes: 0,
        snapshot: { startedAt: 0 as EpochMs, slotLsn: "0/10" },
      },
      SLOT,
      "7",
      { kind: "restart_snapshot" },
    ],
    [
      "the slot is gone",
      POSITION,
      undefined,
      "7",
      { kind: "resnapshot", reason: "dropped", dropSlot: false },
    ],
    ["the slot's WAL is gone", POSITION, { ...SLOT, lost: "wal_removed" }, "7", {
      kind: "resnapshot",
      reason: "invalidated",
      dropSlot: true,
    }],
    ["another cluster", POSITION, SLOT, "8", { kind: "resnapshot", reason: "other_cluster", dropSlot: true }],
  ];
  for (const [name, position, slot, systemId, expected] of cases) {
    assert.partialDeepStrictEqual(startDecision(position, slot, systemId), expected, name);
  }
});
