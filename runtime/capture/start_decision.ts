import { parseLsn } from "../change/lsn.ts";
import type { CapturePosition } from "./sink/change_sink.ts";

/** What the server says of the slot; see `catalog_postgres.ts`. */
export type KnownSlot = { confirmedLsn: string | null; lost: string | null };

/** How capture begins. */
export type StartDecision =
  /** Read the slot from where the sink is. */
  | { kind: "resume" }
  /** Nothing was captured yet: make the slot and take the snapshot. `dropSlot`: one without a journal is there. */
  | { kind: "first"; dropSlot: boolean }
  /** A snapshot was interrupted: the slot is kept and the snapshot begins again. */
  | { kind: "restart_snapshot" }
  /** Changes are missing between the sink's position and anything the server can still send. */
  | { kind: "resnapshot"; reason: LostReason; detail: string; dropSlot: boolean };

/** Why a slot is lost to us. */
export type LostReason = "dropped" | "invalidated" | "moved" | "other_cluster";

/** Decides by what the sink and the server say. Pure. */
export function startDecision(
  position: CapturePosition | undefined,
  slot: KnownSlot | undefined,
  systemId: string,
): StartDecision {
  if (position === undefined) return { kind: "first", dropSlot: slot !== undefined };
  const lost = (reason: LostReason, detail: string): StartDecision => ({
    kind: "resnapshot",
    reason,
    detail,
    dropSlot: slot !== undefined,
  });
  if (position.systemId !== systemId) {
    return lost("other_cluster", `the journal follows cluster ${position.systemId}, this one is ${systemId}`);
  }
  if (slot === undefined) return lost("dropped", "the slot was dropped");
  if (slot.lost !== null) return lost("invalidated", slot.lost);
  const confirmed = parseLsn(slot.confirmedLsn ?? "");
  const acknowledged = parseLsn(position.acknowledgedLsn);
  // Only we acknowledge; a slot that is further on was read by another, or is another one of the same name.
  if (confirmed !== undefined && acknowledged !== undefined && confirmed > acknowledged) {
    return lost(
      "moved",
      `the slot stands at ${slot.confirmedLsn}, capture has acknowledged ${position.acknowledgedLsn}`,
    );
  }
  return position.snapshot === null ? { kind: "resume" } : { kind: "restart_snapshot" };
}
