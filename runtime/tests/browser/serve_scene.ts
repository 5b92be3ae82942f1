import { type Control, startControl } from "../../control/control.ts";
import { newScene, type SceneOptions } from "./scene.ts";

/** Options of {@linkcode serveScene}. */
export type ServeOptions = SceneOptions & {
  /** Time between two steps of the scene's life; 0 for none. */
  tickMs?: number;
  port?: number;
};

export const TOKENS = {
  viewer: "viewer-token-of-the-browser-tests",
  operator: "operator-token-of-the-browser-tests",
};

/** The real control API over a pipeline in memory, serving the real console. */
export async function serveScene(options: ServeOptions = {}) {
  const scene = newScene(options);
  const control: Control = await startControl({
    host: scene.host,
    query: scene.market,
    origin: scene.origin,
    profile: "embedded",
    version: "0.1.0",
    listen: { hostname: "127.0.0.1", port: options.port ?? 0 },
    tokens: { ...TOKENS, source: "configured" },
    consoleFolder: new URL("../../console/", import.meta.url),
    probes: {
      source: () => Promise.resolve({ state: "running", detail: "12 symbols, seed 7" }),
      postgres: () => Promise.resolve({ state: "running", detail: "18.4, slot candlewire active" }),
      disk: () => Promise.resolve({ journal: 184_000_000, store: 412_000_000, postgres: 96_000_000 }),
    },
    log: () => {},
  });
  const tickMs = options.tickMs ?? 250;
  const timer = tickMs === 0 ? undefined : setInterval(scene.tick, tickMs);
  return {
    ...scene,
    control,
    url: control.url,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await control.close();
    },
  };
}

if (import.meta.main) {
  // For looking at the console by hand: deno run -A runtime/tests/browser/serve_scene.ts
  const server = await serveScene({ port: 0 });
  console.log(server.control.loginUrl);
}
