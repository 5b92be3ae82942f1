import { createHash } from "node:crypto";
import { extname, join } from "node:path";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { Hono } from "hono";
import { CandlewireError } from "../error.ts";
import type { ControlEnv } from "./control_env.ts";

/** Content types of the files that are served; others are not. */
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".json": "application/json",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};

/** Larger files are not what a console page is made of. */
const MAX_BYTES = 8 * 1024 * 1024;

const require = createRequire(import.meta.url);

/** Libraries of the page, taken out of the package cache as they were published. */
const VENDOR: Record<string, () => string> = {
  "uplot.js": () => require.resolve("uplot/dist/uPlot.esm.js"),
  "uplot.css": () => require.resolve("uplot/dist/uPlot.min.css"),
  // Its main file imports another package by name; the standalone one is whole.
  "lightweight-charts.js": () =>
    join(
      dirname(require.resolve("lightweight-charts/package.json")),
      "dist/lightweight-charts.standalone.production.mjs",
    ),
};

type Entry = { bytes: Uint8Array<ArrayBuffer>; etag: string; type: string; stamp: string };

/**
 * The console's page and its libraries. `folder` is read again when a file has changed, so that a page under
 * development needs no restart.
 */
export function staticFiles(folder: string): Hono<ControlEnv> {
  const cache = new Map<string, Entry>();
  const app = new Hono<ControlEnv>();
  app.get("/vendor/:file", async (c) => {
    const resolve = Object.hasOwn(VENDOR, c.req.param("file")) ? VENDOR[c.req.param("file")] : undefined;
    const entry = resolve === undefined ? undefined : await load(cache, vendored(resolve));
    if (entry === undefined) throw missing(c.req.path);
    const versioned = c.req.query("v") !== undefined;
    return answer(
      c.req.header("if-none-match"),
      entry,
      versioned ? "public, max-age=31536000, immutable" : "no-cache",
    );
  });
  app.get("/*", async (c) => {
    const path = c.req.path === "/" ? "/index.html" : c.req.path;
    // One name a segment, beginning with a letter or digit: no way up, no hidden file.
    if (!/^(?:\/[A-Za-z0-9][A-Za-z0-9._-]*){1,4}$/.test(path) || /_test\.|\.ts$/.test(path)) {
      throw missing(c.req.path);
    }
    const entry = await load(cache, join(folder, path));
    if (entry === undefined) throw missing(c.req.path);
    return answer(c.req.header("if-none-match"), entry, "no-cache");
  });
  return app;
}

function vendored(resolve: () => string): string {
  try {
    return resolve();
  } catch (cause) {
    throw new CandlewireError(
      "control.vendor_missing",
      "Serve a library of the page: its package is not installed",
      {
        retry: "operator",
        hint: "Run deno install once with network",
        cause,
      },
    );
  }
}

async function load(cache: Map<string, Entry>, path: string): Promise<Entry | undefined> {
  const type = TYPES[extname(path).toLowerCase()];
  if (type === undefined) return undefined;
  let stamp: string;
  try {
    const info = await Deno.stat(path);
    if (!info.isFile || info.size > MAX_BYTES) return undefined;
    stamp = `${info.size} ${info.mtime?.getTime()}`;
  } catch {
    return undefined;
  }
  const known = cache.get(path);
  if (known?.stamp === stamp) return known;
  const bytes = await Deno.readFile(path);
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
  const entry = { bytes, etag, type, stamp };
  if (cache.size > 256) cache.clear();
  cache.set(path, entry);
  return entry;
}

function answer(ifNoneMatch: string | undefined, entry: Entry, cacheControl: string): Response {
  const headers = { "etag": entry.etag, "cache-control": cacheControl, "content-type": entry.type };
  const known = ifNoneMatch?.split(",").some((one) => one.trim().replace(/^W\//, "") === entry.etag);
  return known ? new Response(null, { status: 304, headers }) : new Response(entry.bytes, { headers });
}

function missing(path: string): CandlewireError {
  return new CandlewireError("control.not_found", `Find ${path}: there is nothing here`, {
    hint: "The console is at /, the API under /api/v1, its description at /docs",
  });
}
