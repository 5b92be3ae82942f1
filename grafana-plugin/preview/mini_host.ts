import { join, normalize } from "node:path";
import { causeText } from "../../runtime/error.ts";
import { PLUGIN_FOLDER } from "../tools/paths.ts";
import { BackendProcess, type DataSourceSettings } from "./backend_process.ts";
import { backendExecutable, type BuiltPlugin, readBuiltPlugin } from "./built_plugin.ts";
import type { BackendUser, DataSourceBackend } from "./data_source_backend.ts";
import { DATA_SOURCE_UID, pageHtml } from "./page_html.ts";
import { type AppSettings, decideProxy, grantedActions, ORG_ROLES, type OrgRole } from "./plugin_proxy.ts";
import { sharedBundle } from "./shared_bundle.ts";

/** What the mini host serves and to whom. */
export type MiniHostOptions = {
  /** The built plugin. */
  dist: string;
  /** Settings of the app, as an administrator has saved them. */
  settings: AppSettings;
  /** Folder whose node_modules holds the Grafana libraries to serve; default the plugin's own. */
  libraries?: string;
  /** Default 0: any free port. */
  port?: number;
  print?: (line: string) => void;
};

/** Grafana's libraries as they are served. */
type Libraries = { folder: string; version: string };

const TYPES: Record<string, string> = {
  css: "text/css",
  js: "text/javascript",
  json: "application/json",
  map: "application/json",
  md: "text/plain",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain",
  woff2: "font/woff2",
};

/** Headers that belong to one connection, or that Grafana's proxy does not pass on. */
const NOT_PASSED =
  /^(connection|keep-alive|transfer-encoding|upgrade|te|trailer|host|cookie|authorization|content-length|accept-encoding|origin|referer)$/i;

/**
 * A stand-in for Grafana's server on loopback, for eyes and for browser tests: it serves our plugin with the real
 * Grafana libraries and does what Grafana's plugin proxy does, by the routes of the built plugin.json. It keeps nothing
 * on disk and signs nobody in: the role (`Viewer`, `Editor`, `Admin`) comes with the address, `?role=Viewer`, and stays in a cookie.
 */
export class MiniHost implements AsyncDisposable {
  readonly plugin: BuiltPlugin;
  readonly settings: AppSettings;
  readonly #backend: DataSourceBackend | undefined;
  readonly #bundle: string;
  readonly #libraries: Libraries;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** Ends the server with its open streams: readers of events never leave by themselves. */
  readonly #ending = new AbortController();

  private constructor(
    plugin: BuiltPlugin,
    bundle: string,
    libraries: Libraries,
    backend: DataSourceBackend | undefined,
    options: MiniHostOptions,
  ) {
    this.plugin = plugin;
    this.settings = options.settings;
    this.#backend = backend;
    this.#bundle = bundle;
    this.#libraries = libraries;
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: options.port ?? 0,
      signal: this.#ending.signal,
      onListen: () => {},
      onError: (error) => problem(500, error instanceof Error ? causeText(error) : String(error)),
    }, (request, { completed }) => {
      const gone = new AbortController();
      completed.catch(() => gone.abort());
      return this.#answer(request, gone.signal);
    });
  }

  /**
   * Starts it, and the data source's backend if the plugin was built with it: it uses the app's address and viewer's
   * token. Rejects with `plugin.not_built` when there is no built plugin.
   */
  static async start(options: MiniHostOptions): Promise<MiniHost> {
    const { settings, libraries: folder = PLUGIN_FOLDER, print = () => {} } = options;
    const plugin = await readBuiltPlugin(options.dist);
    const bundle = await sharedBundle(print, folder);
    const libraries = { folder, version: await grafanaVersion(folder) };
    const executable = await backendExecutable(plugin);
    if (executable === undefined) print("The plugin was built without its backend: panels have no data");
    const source = (): DataSourceSettings => {
      const { viewerToken } = settings.secureJsonData;
      return {
        pluginId: plugin.nested.find(({ json }) => json.type === "datasource")!.json.id,
        jsonData: { controlUrl: settings.jsonData.controlUrl },
        secureJsonData: viewerToken === undefined ? {} : { viewerToken },
      };
    };
    const backend = executable === undefined ? undefined : await BackendProcess.start(executable, source);
    return new MiniHost(plugin, bundle, libraries, backend, options);
  }

  /** Whether data sources are answered. */
  get hasBackend(): boolean {
    return this.#backend !== undefined;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #answer(request: Request, gone: AbortSignal): Promise<Response> {
    const url = new URL(request.url);
    // The tokens behind this server are not for other pages of the browser.
    if (!/^(127\.0\.0\.1|localhost)$/.test(url.hostname)) return problem(403, "host not allowed");
    const origin = request.headers.get("origin");
    if (origin !== null && origin !== url.origin) return problem(403, "origin not allowed");
    const { pathname } = url;
    if (pathname.startsWith("/preview/")) return await file(this.#bundle, pathname.slice(9));
    if (pathname.startsWith("/public/plugins/")) return await this.#pluginFile(pathname.slice(16));
    if (pathname.startsWith("/public/")) return await grafanaImage(this.#libraries.folder, pathname);
    if (pathname.startsWith("/api/")) return await this.#api(request, url, gone);
    return this.#page(request, url);
  }

  #page(request: Request, url: URL): Response {
    const role = this.#role(request, url);
    const theme = choice(request, url, "theme") === "light" ? "light" : "dark";
    const html = pageHtml({
      plugin: this.plugin,
      role,
      theme,
      hasBackend: this.hasBackend,
      grafana: this.#libraries.version,
    });
    const headers = new Headers({ "content-type": "text/html; charset=utf-8", "cache-control": "no-store" });
    for (const [name, value] of [["role", role], ["theme", theme]] as const) {
      headers.append("set-cookie", `preview_${name}=${value}; Path=/; SameSite=Strict; HttpOnly`);
    }
    return new Response(html, { headers });
  }

  #role(request: Request, url: URL): OrgRole {
    const wanted = choice(request, url, "role")?.toLowerCase();
    return ORG_ROLES.find((role) => role.toLowerCase() === wanted) ?? "Admin";
  }

  async #pluginFile(path: string): Promise<Response> {
    const [id = "", ...rest] = path.split("/");
    const nested = this.plugin.nested.find(({ json }) => json.id === id);
    if (id !== this.plugin.app.id && nested === undefined) return problem(404, `no plugin ${id}`);
    return await file(join(this.plugin.dist, nested?.folder ?? ""), rest.join("/"));
  }

  async #api(request: Request, url: URL, gone: AbortSignal): Promise<Response> {
    const role = this.#role(request, new URL(url.origin));
    const { app } = this.plugin;
    const proxied = `/api/plugin-proxy/${app.id}/`;
    if (url.pathname.startsWith(proxied)) {
      return await this.#proxy(request, url, role, url.pathname.slice(proxied.length), gone);
    }
    if (url.pathname === `/api/plugins/${app.id}/settings`) return await this.#settings(request, role);
    const user = { login: role.toLowerCase(), role };
    return await this.#dataSource(request, url, user, gone) ?? problem(404, "not found");
  }

  async #proxy(
    request: Request,
    url: URL,
    role: OrgRole,
    path: string,
    gone: AbortSignal,
  ): Promise<Response> {
    const call = { method: request.method, path, search: url.search };
    const decision = decideProxy(this.plugin.app, this.settings, role, call);
    if (decision.kind === "refuse") return problem(decision.status, decision.message);
    const headers = new Headers();
    for (const [name, value] of request.headers) if (!NOT_PASSED.test(name)) headers.set(name, value);
    headers.set("x-grafana-user", role.toLowerCase());
    for (const [name, value] of Object.entries(decision.headers)) headers.set(name, value);
    let answer: Response;
    try {
      answer = await fetch(decision.url, {
        method: request.method,
        headers,
        body: request.body === null ? undefined : await request.arrayBuffer(),
        redirect: "manual",
        signal: gone,
      });
    } catch {
      // As Grafana answers when it does not reach the address: no body.
      return new Response(null, { status: 502 });
    }
    const passed = new Headers();
    for (const [name, value] of answer.headers) {
      if (!NOT_PASSED.test(name) && name !== "set-cookie") passed.set(name, value);
    }
    return new Response(answer.body, { status: answer.status, headers: passed });
  }

  /** The app's settings: whoever is signed in reads them without secrets; an administrator changes them. */
  async #settings(request: Request, role: OrgRole): Promise<Response> {
    const { app } = this.plugin;
    if (request.method === "GET") {
      const { jsonData, secureJsonData } = this.settings;
      return Response.json({
        ...app,
        enabled: true,
        pinned: true,
        module: `public/plugins/${app.id}/module.js`,
        baseUrl: `public/plugins/${app.id}`,
        jsonData,
        secureJsonFields: Object.fromEntries(Object.keys(secureJsonData).map((name) => [name, true])),
        signature: "unsigned",
        accessControl: Object.fromEntries([...grantedActions(app, role)].map((action) => [action, true])),
      });
    }
    if (request.method !== "POST") return problem(404, "not found");
    if (role !== "Admin") return problem(403, "You'll need additional permissions to perform this action");
    const { jsonData, secureJsonData } = await request.json() as Partial<AppSettings>;
    if (jsonData !== undefined) this.settings.jsonData = jsonData;
    // Secrets that are not sent stay.
    Object.assign(this.settings.secureJsonData, secureJsonData);
    return Response.json({ message: "Plugin settings updated" });
  }

  async #dataSource(
    request: Request,
    url: URL,
    user: BackendUser,
    gone: AbortSignal,
  ): Promise<Response | undefined> {
    const backend = this.#backend;
    const below = `/api/datasources/uid/${DATA_SOURCE_UID}/`;
    const { pathname } = url;
    if (pathname !== "/api/ds/query" && !pathname.startsWith(below) && pathname !== "/api/preview-live") {
      return;
    }
    if (backend === undefined) return problem(503, "The data source's backend does not run");
    try {
      if (pathname === "/api/ds/query") {
        return respond(await backend.query(await request.json(), user, gone));
      }
      if (pathname === "/api/preview-live") {
        return events(backend.stream(url.searchParams.get("path") ?? "", user, gone));
      }
      const rest = pathname.slice(below.length);
      if (rest === "health") return respond(await backend.health(user));
      if (rest.startsWith("resources/")) {
        const path = rest.slice("resources/".length);
        const body = await request.text();
        return respond(
          await backend.resource({ method: request.method, path, search: url.search, body }, user),
        );
      }
    } catch (error) {
      return problem(502, error instanceof Error ? causeText(error) : String(error));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#server.finished;
    await this.#backend?.[Symbol.asyncDispose]();
  }
}

/** Version of the Grafana libraries that are installed in a folder. */
async function grafanaVersion(folder: string): Promise<string> {
  const json = await Deno.readTextFile(join(folder, "node_modules/@grafana/data/package.json"));
  return (JSON.parse(json) as { version: string }).version;
}

/** A choice of the viewer's: from the address, else from the cookie that an earlier address left. */
function choice(request: Request, url: URL, name: string): string | undefined {
  const cookie = new RegExp(`(?:^|; )preview_${name}=(\\w+)`).exec(request.headers.get("cookie") ?? "");
  return url.searchParams.get(name) ?? cookie?.[1];
}

/** A file below a folder; nothing outside of it. */
async function file(folder: string, path: string): Promise<Response> {
  const inner = normalize(decodeURIComponent(path));
  if (inner.startsWith("..") || inner.startsWith("/")) return problem(404, "not found");
  const body = await Deno.readFile(join(folder, inner)).catch(() => undefined);
  if (body === undefined) return problem(404, `no file ${inner}`);
  const type = TYPES[inner.slice(inner.lastIndexOf(".") + 1)] ?? "application/octet-stream";
  return new Response(body, { headers: { "content-type": type, "cache-control": "no-cache" } });
}

/**
 * Icons of @grafana/ui. Grafana's server has more of them than the npm package: where one is missing, an empty image keeps its
 * place.
 */
async function grafanaImage(folder: string, pathname: string): Promise<Response> {
  const path = pathname.replace(/^\/public\/(build\/)?/, "");
  const found = await file(join(folder, "node_modules/@grafana/ui/dist/public"), path);
  if (found.ok || !/^img\/icons\/.+\.svg$/.test(path)) return found;
  const empty = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"></svg>';
  return new Response(empty, { headers: { "content-type": "image/svg+xml" } });
}

function respond({ status, body }: { status: number; body: unknown }): Response {
  return Response.json(body, { status });
}

function problem(status: number, message: string): Response {
  return Response.json({ message }, { status });
}

/** Values as an event stream, each sent at once. */
function events(values: AsyncIterable<unknown>): Response {
  const encoder = new TextEncoder();
  const iterator = values[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(`data: ${JSON.stringify(value)}\n\n`));
      } catch (error) {
        controller.enqueue(encoder.encode(`event: problem\ndata: ${JSON.stringify(String(error))}\n\n`));
        controller.close();
      }
    },
    async cancel() {
      await iterator.return?.();
    },
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
  });
}
