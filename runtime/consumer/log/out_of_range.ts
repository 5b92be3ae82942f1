import type { Position } from "../../change/record.ts";
import { CandlewireError } from "../../error.ts";

/** The error of reading where the log has nothing: removed by retention, or a position of another log. */
export function outOfRange(position: Position, low: number, high: number, remedy?: string): CandlewireError {
  const { topic, partition, offset } = position;
  const lost = offset < low ? `offsets ${offset} to ${low - 1} were removed` : "it ends before";
  return new CandlewireError(
    "log.out_of_range",
    `Read ${topic} partition ${partition} at offset ${offset}: the log has ${low} to ${high}, ${lost}`,
    {
      retry: "operator",
      hint: remedy ??
        (offset < low
          ? "Go on at the oldest kept offset and let completeness list the range, or take a new snapshot"
          : "The position belongs to another log: use the store and the log of one data folder"),
      details: { topic, partition, from: offset, low, high },
    },
  );
}
