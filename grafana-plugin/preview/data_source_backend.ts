import type { OrgRole } from "./plugin_proxy.ts";

/** Who calls, as Grafana tells a backend. */
export type BackendUser = { login: string; role: OrgRole };

/** An answer that Grafana's server would give the browser. */
export type BackendAnswer = { status: number; body: unknown };

/**
 * A data source's backend as Grafana's HTTP API shows it. Implementations drive the real process; answers that it cannot give
 * are rejections, which become 502.
 */
export type DataSourceBackend = AsyncDisposable & {
  /** `POST /api/ds/query`: `body` is the request's; frames come as Grafana's JSON. */
  query(body: unknown, user: BackendUser, signal: AbortSignal): Promise<BackendAnswer>;
  /** `GET /api/datasources/uid/<uid>/health`. */
  health(user: BackendUser): Promise<BackendAnswer>;
  /** `/api/datasources/uid/<uid>/resources/<path>`. */
  resource(
    call: { method: string; path: string; search: string; body: string },
    user: BackendUser,
  ): Promise<BackendAnswer>;
  /**
   * A live channel `ds/<uid>/<path>`: JSON of frames as they come, until `signal` aborts or the backend ends it.
   */
  stream(path: string, user: BackendUser, signal: AbortSignal): AsyncIterable<unknown>;
};
