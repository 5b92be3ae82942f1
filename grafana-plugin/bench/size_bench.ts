import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openBrowser } from "../../runtime/tests/browser/chromium.ts";
import type { MiniHost } from "../preview/mini_host.ts";
import { DIST, PLUGIN_ID } from "../tools/paths.ts";
import { MODULE_BYTES } from "../tools/verify/module_problems.ts";
import { type Aimed, printTable } from "./figures.ts";

const FIRST_PAGE_GZIP = 250_000;

/** Sizes of what Chromium loads of the plugin for the app's first page, and of each module.js. */
export async function sizeBench(host: MiniHost): Promise<Aimed[]> {
  const browser = await openBrowser();
  const loaded = new Set<string>();
  try {
    const page = await browser.newPage();
    page.on("response", (response) => {
      const { pathname } = new URL(response.url());
      if (pathname.startsWith("/public/plugins/") && pathname.endsWith(".js")) loaded.add(pathname);
    });
    await page.goto(`${host.url}/a/${PLUGIN_ID}/market`);
    await page.getByText("SIMULATED").first().waitFor();
    await page.waitForTimeout(2000);
  } finally {
    await browser.close();
  }
  const sizes = await Promise.all(
    [...loaded].sort().map(async (path) => {
      const bytes = new Uint8Array(await (await fetch(`${host.url}${path}`)).arrayBuffer());
      return {
        path: path.slice("/public/plugins/".length),
        bytes: bytes.length,
        gzip: gzipSync(bytes).length,
      };
    }),
  );
  const modules = await Promise.all(
    ["module.js", ...host.plugin.nested.map(({ folder }) => join(folder, "module.js"))].map(async (path) => {
      const bytes = await Deno.readFile(join(host.plugin.dist, path));
      return { path, bytes: bytes.length, gzip: gzipSync(bytes).length };
    }),
  );
  const total = sizes.reduce((sum, { gzip }) => sum + gzip, 0);
  printTable(`Sizes of ${host.plugin.dist === DIST ? "dist" : host.plugin.dist}`, ["file", "bytes", "gzip"], [
    ...modules.map(({ path, bytes, gzip }) => [path, `${bytes}`, `${gzip}`]),
    ...sizes.map(({ path, bytes, gzip }) => [`first page: ${path}`, `${bytes}`, `${gzip}`]),
    ["first page together", `${sizes.reduce((sum, { bytes }) => sum + bytes, 0)}`, `${total}`],
  ]);
  return [
    ...modules.map(({ path, bytes }) => ({
      name: `size of ${path}`,
      value: bytes / 1000,
      aim: MODULE_BYTES / 1000,
      unit: "kB",
    })),
    {
      name: "first page of our own code, gzip",
      value: total / 1000,
      aim: FIRST_PAGE_GZIP / 1000,
      unit: "kB",
    },
  ];
}
