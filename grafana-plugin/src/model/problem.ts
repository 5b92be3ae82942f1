/**
 * Why a call through Grafana's plugin proxy failed, told so that the reader knows what to do. Three parties can answer: Grafana
 * itself (its session, its permissions), its proxy (which does not reach the control API) and the control API. Pure.
 */
export type ProblemKind =
  /** No answer from Grafana. */
  | 'grafana'
  /** Grafana's session is over. */
  | 'session'
  /** Grafana does not let this user call the route. */
  | 'permission'
  /** The proxy does not reach the control API. */
  | 'unreachable'
  /** No answer in time. */
  | 'timeout'
  /** The control API refuses the token. */
  | 'token'
  /** Something else answers at the address. */
  | 'not_control_api'
  /** The control API is there but its store or a module is not, now. */
  | 'unavailable'
  /** What was asked for does not exist. */
  | 'not_found'
  /** The control API refuses what was asked. */
  | 'refused';

export type Problem = {
  kind: ProblemKind;
  /** HTTP status, 0 without an answer. */
  status: number;
  /** The control API's stable dotted code; null when another party answered. */
  code: string | null;
  title: string;
  detail: string;
  hint: string | null;
  /** When to try again, ms; null when nobody said. */
  retryAfterMs: number | null;
};

/** An answer as it came: `body` is parsed JSON, or text, or undefined. */
export type FailedAnswer = { status: number; body: unknown; what: string };

type Told = { title: string; detail: string; hint: string | null };

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** Reads a failed answer. */
export function problemOf({ status, body, what }: FailedAnswer): Problem {
  const record = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const code = text(record.code);
  // Grafana's own errors have a message; the control API's have a code and a detail.
  if (code !== null && text(record.detail) !== null) {
    return controlProblem(status, code, record);
  }
  const told = (kind: ProblemKind, { title, detail, hint }: Told): Problem => ({
    kind,
    status,
    code: null,
    title,
    detail,
    hint,
    retryAfterMs: null,
  });
  const message = text(record.message);
  if (status === 0) {
    return told('grafana', {
      title: 'Grafana does not answer',
      detail: `${what}: no answer`,
      hint: 'Check the network; this page tries again by itself',
    });
  }
  if (status === 401) {
    return told('session', {
      title: 'Your Grafana session is over',
      detail: message ?? `${what}: Grafana answers 401`,
      hint: 'Load the page again and sign in',
    });
  }
  if (status === 403) {
    return told('permission', {
      title: 'Grafana does not allow this',
      detail: message ?? `${what}: Grafana answers 403`,
      hint: 'Ask an administrator for the role Market reader or Pipeline operator of this app',
    });
  }
  if (status === 504 || status === 408) {
    return told('timeout', {
      title: 'The control API does not answer in time',
      detail: message ?? `${what}: status ${status}`,
      hint: 'Check the host; Grafana waits as long as its data proxy time-out says',
    });
  }
  if (status >= 500) {
    return told('unreachable', {
      title: 'The control API is not reached',
      detail: message ?? `${what}: Grafana's proxy answers ${status}`,
      hint: "Check the address in the app's configuration, and that the host runs and Grafana's server reaches it",
    });
  }
  return told('not_control_api', {
    title: 'No control API at this address',
    detail: message ?? `${what}: status ${status}, without a problem document`,
    hint: "Check the address in the app's configuration: something else answers there",
  });
}

function controlProblem(status: number, code: string, record: Record<string, unknown>): Problem {
  const kind = controlKind(status, code);
  const titles: Partial<Record<ProblemKind, string>> = {
    token: status === 401 ? 'The control API refuses the token' : 'The token may only read',
    refused: status === 403 ? 'The control API does not allow this call' : undefined,
    unavailable: 'A part of the pipeline does not answer now',
    timeout: 'A part of the pipeline does not answer in time',
    not_found: 'Not found',
  };
  const hints: Partial<Record<ProblemKind, string>> = {
    token: "Check the tokens in the app's configuration against tokens.json in the host's data folder",
    unavailable: 'This page tries again by itself',
  };
  return {
    kind,
    status,
    code,
    title: titles[kind] ?? text(record.title) ?? 'The control API refuses this',
    detail: String(record.detail),
    // At a wrong token the API's own hint is for its console; the reader here has a configuration page.
    hint: kind === 'token' && status === 401 ? hints.token! : (text(record.hint) ?? hints[kind] ?? null),
    retryAfterMs: typeof record.retryAfterMs === 'number' ? record.retryAfterMs : null,
  };
}

function controlKind(status: number, code: string): ProblemKind {
  // Other 403s are of the address by which the control API is called (Host, Origin): another token would not help.
  if (status === 401 || code === 'control.forbidden') {
    return 'token';
  }
  if (status === 404) {
    return 'not_found';
  }
  if (status === 504) {
    return 'timeout';
  }
  return status === 503 || status === 502 ? 'unavailable' : 'refused';
}

/** The problem of a call that was given up after `timeoutMs`. */
export function timeoutProblem(what: string, timeoutMs: number): Problem {
  return {
    kind: 'timeout',
    status: 0,
    code: null,
    title: 'The control API does not answer in time',
    detail: `${what}: no answer after ${Math.round(timeoutMs / 1000)} s`,
    hint: 'Check the host; this page tries again by itself',
    retryAfterMs: null,
  };
}

/** The problem of an answer that is no JSON object. */
export function foreignAnswer(what: string): Problem {
  return {
    kind: 'not_control_api',
    status: 200,
    code: null,
    title: 'No control API at this address',
    detail: `${what}: the answer is not the control API's`,
    hint: "Check the address in the app's configuration: something else answers there",
    retryAfterMs: null,
  };
}

/** True when it may be gone the next time, so that a page goes on trying. */
export function isPassing(problem: Problem): boolean {
  return ['grafana', 'unreachable', 'timeout', 'unavailable'].includes(problem.kind);
}
