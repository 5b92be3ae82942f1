import { AppEvents, type EventBus } from "@grafana/data";
import type { BackendSrv, BackendSrvRequest, FetchError, FetchResponse } from "@grafana/runtime";
import { defer, firstValueFrom, map, type Observable, switchMap, throwError } from "rxjs";

/** Grafana's HTTP client as plugins see it: rejects with `FetchError`, raises an alert unless told not to. */
export function newBackendSrv(events: EventBus): BackendSrv {
  const fetchOnce = <T>(config: BackendSrvRequest): Observable<FetchResponse<T>> =>
    defer(async () => {
      const query = new URLSearchParams(
        Object.entries(config.params ?? {}).filter(([, value]) => value !== undefined).map((
          [key, value],
        ) => [key, String(value)]),
      ).toString();
      const url = `/${config.url.replace(/^\//, "")}${
        query === "" ? "" : `${config.url.includes("?") ? "&" : "?"}${query}`
      }`;
      const response = await fetch(url, {
        method: config.method ?? "GET",
        headers: {
          ...config.data === undefined ? {} : { "content-type": "application/json" },
          ...config.headers,
        },
        body: config.data === undefined ? undefined : JSON.stringify(config.data),
        signal: config.abortSignal,
      });
      const text = await response.text();
      let data: unknown = text;
      try {
        data = JSON.parse(text);
      } catch {
        // Text that is not JSON is given as it is.
      }
      return { response, data };
    }).pipe(
      switchMap(({ response, data }) => {
        const { status, statusText, ok, headers, redirected, type, url } = response;
        if (ok) return [{ status, statusText, ok, headers, redirected, type, url, config, data: data as T }];
        const error: FetchError = { status, statusText, data, config };
        if (config.showErrorAlert !== false && config.url.includes("/api/ds/") === false) {
          const message = (data as { message?: string })?.message ?? statusText;
          events.publish({ type: AppEvents.alertError.name, payload: [message] });
        }
        return throwError(() => error);
      }),
    );
  const send = <T>(method: string, url: string, data?: unknown, options: Partial<BackendSrvRequest> = {}) =>
    firstValueFrom(fetchOnce<T>({ ...options, method, url, data }).pipe(map((response) => response.data)));
  return {
    fetch: fetchOnce,
    get: (url, params, requestId, options) =>
      firstValueFrom(
        // deno-lint-ignore no-explicit-any -- the interface's own default
        fetchOnce<any>({ ...options, method: "GET", url, params, requestId }).pipe(map(({ data }) => data)),
      ),
    delete: (url, data, options) => send("DELETE", url, data, options),
    post: (url, data, options) => send("POST", url, data, options),
    patch: (url, data, options) => send("PATCH", url, data, options),
    put: (url, data, options) => send("PUT", url, data, options),
    request: (options) => firstValueFrom(fetchOnce(options)).then(({ data }) => data as never),
    datasourceRequest: (options) => firstValueFrom(fetchOnce(options)) as never,
    chunked: () => throwError(() => new Error("The mini host has no chunked answers")),
  };
}
