/**
 * Calls of the control API. Every answer carries its origin, which is handed on before the data (I8).
 */

/** @typedef {import("../market/origin.ts").Origin} Origin */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

/** An `application/problem+json` answer, or no answer at all (`status` 0). */
export class ApiProblem extends Error {
  /** @override */
  name = "ApiProblem";

  /**
   * @param {number} status
   * @param {{ code?: string, title?: string, detail?: string, hint?: string, retryAfterMs?: number }} problem
   */
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `Call the control API: status ${status}`);
    this.status = status;
    this.code = problem.code ?? (status === 0 ? "console.unreachable" : `http.${status}`);
    this.hint = problem.hint ?? null;
    this.retryAfterMs = problem.retryAfterMs ?? null;
  }
}

/**
 * Reads a problem document; an answer in another form becomes one.
 * @param {Response} response
 * @param {string} what
 */
export async function problemOf(response, what) {
  /** @type {Record<string, any>} */
  let body = {};
  try {
    body = await response.json();
  } catch {
    body = { detail: `${what}: status ${response.status} ${response.statusText}`.trim() };
  }
  return new ApiProblem(response.status, body);
}

export class Api {
  #onOrigin;
  #onUnauthorized;

  /**
   * @param {{ onOrigin: (origin: Origin | undefined, simulated: boolean | undefined) => void, onUnauthorized: () => void }} listeners
   */
  constructor(listeners) {
    this.#onOrigin = listeners.onOrigin;
    this.#onUnauthorized = listeners.onUnauthorized;
  }

  /**
   * @param {string} path below `/api/v1/`, or absolute
   * @param {Query} [query]
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<any>}
   */
  get(path, query, options) {
    return this.#call("GET", path, { query, ...options });
  }

  /**
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  post(path, body) {
    return this.#call("POST", path, { body });
  }

  /**
   * @param {string} path
   * @returns {Promise<any>}
   */
  delete(path) {
    return this.#call("DELETE", path, {});
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{ query?: Query, body?: unknown, signal?: AbortSignal }} options
   */
  async #call(method, path, options) {
    const address = apiAddress(path, options.query);
    const what = `${method} ${path}`;
    /** @type {Response} */
    let response;
    try {
      response = await fetch(address, {
        method,
        credentials: "same-origin",
        headers: {
          accept: "application/json",
          // Also without a body: the API takes changes as JSON only.
          ...(method === "GET" ? {} : { "content-type": "application/json" }),
        },
        body: options.body === undefined ? undefined : JSON.stringify(options.body),
        signal: options.signal,
      });
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      throw new ApiProblem(0, {
        detail: `${what}: the control API does not answer`,
        hint: "Check that the host is running; this page reconnects by itself",
      });
    }
    if (!response.ok) {
      const problem = await problemOf(response, what);
      if (response.status === 401 && path !== "/session") this.#onUnauthorized();
      throw problem;
    }
    if (response.status === 204) return undefined;
    const answer = await response.json();
    this.#onOrigin(answer.origin, answer.simulated);
    return answer;
  }
}

/**
 * The address of a call; parameters that are empty are left out.
 * @param {string} path
 * @param {Query} [query]
 * @returns {string}
 */
export function apiAddress(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return `${path.startsWith("/") ? path : `/api/v1/${path}`}${text === "" ? "" : `?${text}`}`;
}
