/**
 * An answer that is Binance's error body. Codes and texts are those of its errors.md; a thrown one ends the request.
 */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: number;

  constructor(code: number, msg: string, status = 400) {
    super(msg);
    this.code = code;
    this.status = status;
  }

  get body(): string {
    return JSON.stringify({ code: this.code, msg: this.message });
  }
}

/** The answer beyond the weight limit. */
export function tooMuchWeight(limit: number): ApiError {
  return new ApiError(
    -1003,
    `Too much request weight used; current limit is ${limit} request weight per 1 MINUTE. ` +
      "Please use WebSocket Streams for live updates to avoid polling the API.",
    429,
  );
}

/** The answer to a banned address. `until` is epoch milliseconds. */
export function banned(until: number): ApiError {
  return new ApiError(
    -1003,
    `Way too much request weight used; IP banned until ${Math.floor(until)}. ` +
      "Please use WebSocket Streams for live updates to avoid bans.",
    418,
  );
}

/** A region block's answer, as api.binance.com words it. */
export const REGION_BLOCK = JSON.stringify({
  code: 0,
  msg: "Service unavailable from a restricted location according to 'b. Eligibility' in " +
    "https://www.binance.com/en/terms. Please contact customer service if you believe you received this message in error.",
});

/** The firewall's answer: a page, no JSON. */
export const FIREWALL_PAGE = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n" +
  "<center><h1>403 Forbidden</h1></center>\r\n</body>\r\n</html>\r\n";
