import { DECIMALS } from "../fixed_text.ts";

/** A value that does not fit at the scale that was tried: too large (take a smaller scale), or too many digits. */
export class UnitsError extends Error {
  readonly problem: "large" | "digits";
  constructor(problem: "large" | "digits") {
    super(problem);
    this.problem = problem;
  }
}

/** Decimal text to an integer at a scale of at most eight, exactly. Throws a {@linkcode UnitsError}. */
export function unitsOf(text: string, scale: number): number {
  const point = text.indexOf(".");
  const whole = point < 0 ? text : text.slice(0, point);
  const fraction = point < 0 ? "" : text.slice(point + 1);
  if (fraction.length > scale && Number(fraction.slice(scale)) !== 0) throw new UnitsError("digits");
  const units = Number(whole) * 10 ** scale + Number(fraction.slice(0, scale).padEnd(scale, "0"));
  if (!Number.isSafeInteger(units)) throw new UnitsError("large");
  return units;
}

/** Decimals of an integer at a scale that are not zeros at its end. */
export function significantDecimals(units: number, scale: number): number {
  let decimals = scale;
  for (; decimals > 0 && units % 10 === 0; decimals--) units /= 10;
  return units === 0 ? 0 : decimals;
}

/** The largest scale that is tried. */
export const START_SCALE = DECIMALS;
