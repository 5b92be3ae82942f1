import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { CandlewireError, errorText } from "../error.ts";
import { COOKIE, isChange } from "./access.ts";
import { consumerRoutes } from "./consumer_routes.ts";
import { type ControlEnv, newRouter } from "./control_env.ts";
import { type ControlParts, stamped } from "./control_parts.ts";
import { docsPage } from "./docs_page.ts";
import { eventRoutes } from "./event_routes.ts";
import { marketRoutes } from "./market_routes.ts";
import { moduleRoutes } from "./module_routes.ts";
import { operationRoutes } from "./operation_routes.ts";
import { pipelineRoutes } from "./pipeline_routes.ts";
import { cut, problemOf, TITLES } from "./problem.ts";
import { sessionRoutes } from "./session_routes.ts";
import { staticFiles } from "./static_files.ts";

/** The page's own scripts and styles and nothing else; `style-src` is open because chart libraries set styles. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const SECURITY_HEADERS: Record<string, string> = {
  "content-security-policy": CSP,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  // The login link's code must not travel on.
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

const MAX_ADDRESS = 8_192;

/** The whole API as one app, without a socket: tests call `app.request()`. */
export function controlApp(parts: ControlParts, consoleFolder: string): OpenAPIHono<ControlEnv> {
  const { access, config, origin, simulated } = parts;
  const app = newRouter();
  const originHeader = `${origin.kind}/${encodeURIComponent(origin.id)}`;

  app.use(async (c, next) => {
    const started = performance.now();
    c.set("requestId", crypto.randomUUID());
    c.set("address", c.env?.remoteAddr?.hostname ?? "unknown");
    const actor = c.req.header("x-grafana-context");
    if (actor !== undefined) c.set("actor", cut(actor, 200));
    await next();
    const headers = c.res.headers;
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers.set(name, value);
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
    headers.set("candlewire-origin", originHeader);
    headers.set("candlewire-simulated", String(simulated));
    headers.set("candlewire-request", c.get("requestId"));
    const route = c.res.status === 404 ? "unmatched" : routeOf(c.req.path);
    parts.httpMetrics.answered(c.req.method, route, c.res.status, (performance.now() - started) / 1000);
  });
  app.use(async (c, next) => {
    if (c.req.url.length > MAX_ADDRESS) {
      throw new CandlewireError(
        "control.address_too_long",
        `Read the address: it has ${c.req.url.length} characters, more than ${MAX_ADDRESS}`,
        { hint: "Ask for fewer symbols, or send a shorter cursor" },
      );
    }
    await next();
  });
  app.use(access.host);
  app.use(access.origin);
  app.use("/api/*", access.signedIn);
  app.use(bodyLimit({
    maxSize: config.maxBodyBytes,
    onError: () => {
      throw new CandlewireError(
        "control.body_too_large",
        `Read the body: it has more than ${config.maxBodyBytes} bytes`,
        { hint: "Send less at once, or raise control.maxBodyBytes" },
      );
    },
  }));
  app.use(async (c, next) => {
    const type = c.req.header("content-type");
    const isJson = /^application\/json *(;|$)/i.test(type ?? "");
    if (isChange(c.req.method) && !isJson && await hasContent(c)) {
      throw new CandlewireError(
        "control.not_json",
        `Read the body: its content type is ${type === undefined ? "missing" : `"${cut(type)}"`}`,
        { hint: "Send JSON with Content-Type: application/json" },
      );
    }
    await next();
  });

  app.onError((error, c) => {
    const problem = problemOf(error);
    if (problem.status === 500) {
      parts.log("error", "Request failed", {
        requestId: c.get("requestId"),
        method: c.req.method,
        path: c.req.path,
        cause: errorText(error),
        stack: error.stack,
      });
    } else if (error.cause !== undefined) {
      // The caller gets the text; the reason behind it is for the operator.
      parts.log("warn", error.message, { requestId: c.get("requestId"), cause: errorText(error.cause) });
    }
    const { status, retryAfterMs } = problem;
    if (retryAfterMs !== undefined) {
      c.header("retry-after", String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
    }
    if (status === 401) c.header("www-authenticate", `Bearer realm="candlewire"`);
    const document = stamped(parts, {
      type: `/docs#${problem.code}`,
      title: TITLES[status],
      ...problem,
      instance: cut(c.req.path, 200),
      requestId: c.get("requestId"),
    });
    return c.body(JSON.stringify(document), status, { "content-type": "application/problem+json" });
  });
  app.notFound((c) => {
    throw new CandlewireError("control.not_found", `Find ${cut(c.req.path)}: there is nothing here`, {
      hint: `The API is under /api/v1, its description at /docs${
        isChange(c.req.method) ? "; mind the method" : ""
      }`,
    });
  });

  app.route("/", operationRoutes(parts));
  app.route("/", sessionRoutes(parts));
  for (const routes of [marketRoutes, pipelineRoutes, moduleRoutes, consumerRoutes, eventRoutes]) {
    app.route("/api/v1", routes(parts));
  }
  // Under /api nothing is a file.
  app.all("/api/*", (c) => c.notFound());
  const document = openApiDocument(app, parts.version);
  const documentText = JSON.stringify(stamped(parts, {}));
  const served = JSON.stringify({ ...document, "x-candlewire": JSON.parse(documentText) });
  app.get("/openapi.json", (c) => c.body(served, 200, { "content-type": "application/json" }));
  const docs = docsPage(document, simulated);
  app.get("/docs", (c) => c.html(docs));
  app.route("/", staticFiles(consoleFolder));
  const patterns = app.routes.filter((route) => route.method !== "ALL" && !route.path.includes("*"))
    .map((route) => ({
      path: route.path,
      regex: new RegExp(`^${route.path.replace(/:\w+(\{[^}]*\})?/g, "[^/]+")}$`),
    }));
  const routeOf = (path: string) => patterns.find((one) => one.regex.test(path))?.path ?? "static";
  return app;
}

/**
 * True when a request has content. A server gives every POST a body, also one that nothing was sent with, and HTTP/2
 * needs no length, so what no length was told of is read; it stays there for the route. The body limit goes before.
 */
async function hasContent(c: Context<ControlEnv>): Promise<boolean> {
  const length = c.req.header("content-length");
  if (length !== undefined) return Number(length) > 0;
  return c.req.raw.body !== null && (await c.req.arrayBuffer()).byteLength > 0;
}

/** The OpenAPI 3.1 document of an app's routes. */
function openApiDocument(app: OpenAPIHono<ControlEnv>, version: string) {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "The viewer's token reads, the operator's also changes. See <data-dir>/tokens.json",
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "session", {
    type: "apiKey",
    in: "cookie",
    name: COOKIE,
    description:
      "The console's session, opened by the printed link or by POST /session; changes need the page's Origin",
  });
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Candlewire control API",
      version,
      description:
        "Real-time market data through PostgreSQL, change data capture and a change log into a store. Every answer carries its origin; simulated data says so. Errors are application/problem+json.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [{ url: "/" }],
  });
}

/** The document's type, for the page made from it. */
export type OpenApiDocument = ReturnType<typeof openApiDocument>;
