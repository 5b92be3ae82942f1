import { formatLsn } from "../change/lsn.ts";
import type { StoredOffset } from "./connect_rest.ts";
import type { ConnectorSlot } from "./slot_postgres.ts";

/** Why changes between the connector's position and anything the server can send are missing. */
export type LostSlot = { reason: "dropped" | "invalidated" | "moved" | "passed_over"; detail: string };

/**
 * Whether the slot no longer continues what the connector has stored; undefined while it does. `still`: no task
 * works, or nobody reads the slot. Only then are the two positions compared: while a task works, both move. Pure.
 *
 * A task that only connects again does not notice that the slot was moved on meanwhile: it compares with the slot's
 * restart position (3.6.3). Debezium makes a dropped slot anew. It refuses to stream when the slot begins behind what it
 * has stored, but does not look where its offset stems from a snapshot alone, and then skips what lies in between
 * without a word (3.6.3).
 */
export function lostSlot(
  offset: StoredOffset | undefined,
  slot: ConnectorSlot | undefined,
  still: boolean,
): LostSlot | undefined {
  // Also without a stored position: Debezium would try to read it again and again.
  if (slot !== undefined && slot.lost !== null) return { reason: "invalidated", detail: slot.lost };
  if (offset === undefined) return undefined;
  if (slot === undefined) return { reason: "dropped", detail: "the slot was dropped" };
  // I1: Debezium confirms what it has stored, so a slot that is further on was read by another, or is another one.
  if (still && slot.confirmedLsn !== null && offset.lsn !== null && slot.confirmedLsn > offset.lsn) {
    return {
      reason: "moved",
      detail: `the slot stands at ${formatLsn(slot.confirmedLsn)}, the connector at ${formatLsn(offset.lsn)}`,
    };
  }
  return undefined;
}
