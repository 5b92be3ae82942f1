/**
 * Where the numbers in a store come from. Every store at rest carries one, and every answer and event
 * repeats it, so that simulated data is never mistaken for real (I8).
 */
export type Origin = {
  /** `live`: Binance itself; `exchange`: our matching engine; `recording`: replayed frames. */
  kind: "live" | "exchange" | "recording";
  /** Tells one run of the exchange, or one recording, from another; `binance` when live. */
  id: string;
  /** One line for people, such as `exchange, seed 7`. */
  label: string;
};

/** True for everything that is not the live market. */
export function isSimulated(origin: Origin): boolean {
  return origin.kind !== "live";
}
