import { type EpochMs, epochMs } from "../../../market/epoch.ts";
import { type Interval, INTERVALS } from "../../market.ts";
import { ApiError } from "./api_error.ts";

/** What symbols may be made of, as Binance's error -1100 tells it: no lowercase, any other letter. */
export const SYMBOL_RANGE = "^[\\w\\-._&&[^a-z]]{1,50}$";
const SYMBOL = /^(?:(?!\p{Ll})[\p{L}\p{N}_.-]){1,50}$/u;
const LIST_RANGE = '^\\[("[\\w\\-._&&[^a-z]]{1,50}"(,"[\\w\\-._&&[^a-z]]{1,50}"){0,}){0,1}\\]$';
const WHOLE = /^[0-9]{1,20}$/;

/**
 * A request's parameters, read once each and checked as Binance checks them. The codes: -1101 too many or twice, -1104
 * unread, -1105 empty, -1102 missing, -1100 illegal characters, -1130 out of range.
 */
export class Parameters {
  readonly #values: URLSearchParams;
  readonly #known: ReadonlySet<string>;

  /** Checks names before any value. */
  constructor(values: URLSearchParams, known: readonly string[]) {
    this.#values = values;
    this.#known = new Set(known);
    const names = [...values.keys()];
    if (new Set(names).size !== names.length) {
      throw new ApiError(-1101, "Duplicate values for a parameter detected.");
    }
    const read = names.filter((name) => this.#known.has(name)).length;
    if (names.length > this.#known.size) {
      throw new ApiError(
        -1101,
        `Too many parameters; expected '${this.#known.size}' and received '${names.length}'.`,
      );
    }
    if (read < names.length) {
      throw new ApiError(
        -1104,
        `Not all sent parameters were read; read '${read}' parameter(s) but was sent '${names.length}'.`,
      );
    }
  }

  /** Text that must not be empty when it was sent. */
  text(name: string): string | undefined {
    const value = this.#values.get(name);
    if (value === "") throw new ApiError(-1105, `Parameter '${name}' was empty.`);
    return value ?? undefined;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) {
      throw new ApiError(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`);
    }
    return value;
  }

  /** A symbol that the market has; -1121 for others. */
  symbol(known: (symbol: string) => boolean): string {
    return checkSymbol(this.required("symbol"), known);
  }

  /** `symbol`, `symbols`, or neither. Both together are -1128. */
  symbols(known: (symbol: string) => boolean): { one: string } | { many: string[] } | undefined {
    const symbol = this.text("symbol");
    const symbols = this.text("symbols");
    if (symbol !== undefined && symbols !== undefined) {
      throw new ApiError(-1128, "Combination of optional parameters invalid.");
    }
    if (symbol !== undefined) return { one: checkSymbol(symbol, known) };
    if (symbols === undefined) return undefined;
    let list: unknown;
    try {
      list = JSON.parse(symbols);
    } catch { /* told below, with what was expected */ }
    const legal = Array.isArray(list) &&
      list.every((each): each is string => typeof each === "string" && SYMBOL.test(each));
    if (!legal) {
      throw new ApiError(
        -1100,
        `Illegal characters found in parameter 'symbols'; legal range is '${LIST_RANGE}'.`,
      );
    }
    const names = list as string[];
    if (names.length === 0) throw new ApiError(-1105, "Parameter 'symbols' was empty.");
    if (new Set(names).size !== names.length) {
      throw new ApiError(-1151, "Symbol is present multiple times in the list.");
    }
    for (const name of names) checkSymbol(name, known);
    return { many: names };
  }

  /** A whole number of at most 2^53. */
  whole(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (!WHOLE.test(value)) {
      throw new ApiError(
        -1100,
        `Illegal characters found in parameter '${name}'; legal range is '^[0-9]{1,20}$'.`,
      );
    }
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new ApiError(-1108, `Parameter '${name}' overflowed.`);
    return number;
  }

  /** Rows wanted: larger numbers are cut to the maximum, 0 is refused. */
  limit(fallback: number, maximum: number): number {
    const value = this.whole("limit");
    if (value === undefined) return fallback;
    if (value === 0) throw new ApiError(-1130, "Data sent for parameter 'limit' is not valid.");
    return Math.min(value, maximum);
  }

  /** A time in milliseconds or microseconds; told apart by size, as Binance does. */
  time(name: string): EpochMs | undefined {
    const value = this.whole(name);
    if (value === undefined) return undefined;
    return epochMs(value >= 1e14 ? Math.floor(value / 1000) : value);
  }

  interval(): Interval {
    const value = this.required("interval");
    const interval = INTERVALS.find((each) => each === value);
    if (interval === undefined) throw new ApiError(-1120, "Invalid interval.");
    return interval;
  }

  /** `FULL` unless `MINI` was asked for. */
  mini(): boolean {
    const value = this.text("type");
    if (value !== undefined && value !== "FULL" && value !== "MINI") {
      throw new ApiError(-1139, "Invalid ticker type.");
    }
    return value === "MINI";
  }

  /** Only UTC is served; other zones are refused rather than answered wrongly. */
  timeZone(): void {
    const value = this.text("timeZone");
    if (value !== undefined && !/^[+-]?0{1,2}(:00)?$/.test(value)) {
      throw new ApiError(-1130, "Data sent for parameter 'timeZone' is not valid.");
    }
  }

  /** True when a status was asked for that no symbol here has: all of them are TRADING. */
  excludesTrading(): boolean {
    const value = this.text("symbolStatus");
    if (value !== undefined && !["TRADING", "HALT", "BREAK", "END_OF_DAY"].includes(value)) {
      throw new ApiError(-1122, "Invalid symbolStatus.");
    }
    return value !== undefined && value !== "TRADING";
  }
}

function checkSymbol(symbol: string, known: (symbol: string) => boolean): string {
  if (!SYMBOL.test(symbol)) {
    throw new ApiError(
      -1100,
      `Illegal characters found in parameter 'symbol'; legal range is '${SYMBOL_RANGE}'.`,
    );
  }
  if (!known(symbol)) throw new ApiError(-1121, "Invalid symbol.");
  return symbol;
}
