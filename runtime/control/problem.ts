import { HTTPException } from "hono/http-exception";
import { CandlewireError } from "../error.ts";

/** What a problem document says, without what every answer carries. */
export type Problem = {
  status: ProblemStatus;
  code: string;
  detail: string;
  hint?: string;
  /** The wrong parameter and its value, cut. */
  parameter?: string;
  value?: string;
  retryAfterMs?: number;
};

/** Statuses of problem documents and their titles. */
export const TITLES = {
  400: "The request is wrong",
  401: "Sign in first",
  403: "Not allowed",
  404: "Not found",
  405: "The method is not known here",
  408: "The request took too long",
  409: "The state forbids it",
  413: "The body is too large",
  414: "The address is too long",
  415: "The body is of a wrong kind",
  421: "The host is not known here",
  422: "Refused",
  429: "Too many attempts",
  500: "Something unexpected happened",
  503: "Not reachable now",
  504: "No answer in time",
} as const;

/** A status that {@linkcode TITLES} knows. */
export type ProblemStatus = keyof typeof TITLES;

/** Codes whose status does not follow from their retry class. */
const STATUS_OF_CODE: Record<string, ProblemStatus> = {
  "control.bad_parameter": 400,
  "control.bad_body": 400,
  "control.unauthorized": 401,
  "control.forbidden": 403,
  "control.foreign_origin": 403,
  "control.unknown_host": 403,
  "control.not_found": 404,
  "control.body_too_large": 413,
  "control.address_too_long": 414,
  "control.not_json": 415,
  "control.too_many_attempts": 429,
  "host.wrong_digest": 409,
  "host.timeout": 504,
  "control.timeout": 504,
};

/** The HTTP problem that an error is. Nothing but a CandlewireError's own text is shown: no stack, no cause. */
export function problemOf(error: unknown): Problem {
  if (error instanceof CandlewireError) return ofCandlewire(error);
  if (error instanceof HTTPException) return ofHttp(error.status, error.message);
  return {
    status: 500,
    code: "control.unexpected",
    detail: "Answer the request: something unexpected happened; the log has it under the request id",
  };
}

function ofCandlewire(error: CandlewireError): Problem {
  const { parameter, value, retryAfterMs } = error.details;
  const status = STATUS_OF_CODE[error.code] ?? byKind(error);
  return {
    status,
    code: error.code,
    detail: error.message,
    hint: error.hint,
    parameter: typeof parameter === "string" ? parameter : undefined,
    value: typeof value === "string" ? cut(value) : undefined,
    retryAfterMs: typeof retryAfterMs === "number"
      ? retryAfterMs
      : status === 503 || status === 504
      ? 1_000
      : undefined,
  };
}

/** Other folders own their codes; the last part of a code and the retry class say what kind it is. */
function byKind(error: CandlewireError): ProblemStatus {
  const kind = error.code.slice(error.code.lastIndexOf(".") + 1);
  if (/^(unknown_(?!method)|no_such_|not_found)/.test(kind) || /^unknown$/.test(kind)) return 404;
  if (/^(bad_|invalid)/.test(kind)) return 400;
  if (error.retry === "retry") return 503;
  return error.retry === "operator" ? 409 : 422;
}

function ofHttp(status: number, message: string): Problem {
  if (status === 400) {
    return {
      status: 400,
      code: "control.bad_body",
      detail: /json/i.test(message) ? "Read the body: it is not JSON" : "Read the request: it is malformed",
      hint: "Send one JSON object with Content-Type: application/json",
    };
  }
  const known = (status in TITLES ? status : 500) as ProblemStatus;
  return { status: known, code: `control.http_${status}`, detail: message || TITLES[known] };
}

/** Values are echoed short: they are the caller's, and logs and pages show them. */
export function cut(value: string, length = 120): string {
  const points = Array.from(value.slice(0, length * 2 + 2));
  return points.length <= length ? value : `${points.slice(0, length).join("")}…`;
}
