import { jsonText } from "./json_text.ts";

/** Debezium's `interval.handling.mode`: `numeric` is microseconds, a month taken as 30.4375 days. */
export type IntervalHandlingMode = "numeric" | "string";

const DATE_PART = /([+-]?\d+) (years?|mons?|days?)/g;
const TIME_PART = /([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/;

/** An interval (IntervalStyle postgres) as `36993906780000` or `"P1Y2M3DT4H5M6.78S"`. */
export function intervalEncoder(mode: IntervalHandlingMode): (text: string) => string {
  return (text) => {
    // PostgreSQL 17 and newer know infinite intervals, which neither form can hold.
    if (text === "" || text === "infinity" || text === "-infinity") return jsonText(text);
    let years = 0, months = 0, days = 0, hours = 0, minutes = 0, wholeSeconds = 0, micros = 0;
    for (const [, count, unit] of text.matchAll(DATE_PART)) {
      if (unit!.startsWith("y")) years = Number(count);
      else if (unit!.startsWith("m")) months = Number(count);
      else days = Number(count);
    }
    const time = TIME_PART.exec(text);
    if (time !== null) {
      const sign = time[1] === "-" ? -1 : 1;
      hours = sign * Number(time[2]);
      minutes = sign * Number(time[3]);
      wholeSeconds = sign * Number(time[4]);
      micros = sign * Number((time[5] ?? "").padEnd(6, "0"));
    }
    if (mode === "string") {
      const part = (value: number) => String(value === 0 ? 0 : value);
      const negative = wholeSeconds < 0 || micros < 0;
      const fraction = String(Math.abs(micros)).padStart(6, "0").replace(/0+$/, "");
      const seconds = `${negative ? "-" : ""}${Math.abs(wholeSeconds)}${
        fraction === "" ? "" : `.${fraction}`
      }`;
      return `"P${part(years)}Y${part(months)}M${part(days)}DT${part(hours)}H${part(minutes)}M${seconds}S"`;
    }
    // Debezium's own order of operations, so that the doubles round alike.
    const numberOfDays = (years * 12 + months) * (365.25 / 12) + days;
    const seconds = ((numberOfDays * 24 + hours) * 60 + minutes) * 60 + (wholeSeconds + micros / 1e6);
    return BigInt(Math.trunc(seconds * 1e6)).toString();
  };
}
