import { join } from "node:path";
import { parseArgs } from "node:util";
import { CandlewireError } from "../../runtime/error.ts";
import { grafanaTree } from "../tools/grafana_tree.ts";
import { DIST, ROOT } from "../tools/paths.ts";
import { DemoProcess, type Pipeline } from "./demo_process.ts";
import { MiniHost } from "./mini_host.ts";

const HELP = `deno task plugin preview [options]

Serves the built plugin (deno task plugin build) with the real Grafana libraries on 127.0.0.1, without a Grafana server.
Starts the demo for itself unless a pipeline is given.

  --port N             default 3100
  --dist FOLDER        default grafana-plugin/dist
  --grafana VERSION    12.4: the libraries of that Grafana in place of the plugin's own, installed once below data/
  --url URL            control API of a pipeline that runs, with
  --viewer-token T       its viewer's token and
  --operator-token T     its operator's (both in <data-dir>/tokens.json)
  --data-dir FOLDER    of the demo, default data/preview

In the address: ?role=Viewer|Editor|Admin, ?theme=light|dark; panels: symbol, from, to, refresh (ms), width, height, and
as JSON query, options, fieldConfig, frames`;

/** `deno task plugin preview`: serves until it is told to stop. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: "string", default: "3100" },
      dist: { type: "string", default: DIST },
      grafana: { type: "string" },
      url: { type: "string" },
      "viewer-token": { type: "string" },
      "operator-token": { type: "string" },
      "data-dir": { type: "string", default: join(ROOT, "data", "preview") },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const libraries = values.grafana === undefined ? undefined : await grafanaTree(values.grafana, console.log);
  const stopped = new Promise<void>((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, () => resolve());
  });
  await using ends = new AsyncDisposableStack();
  let pipeline: Pipeline;
  if (values.url !== undefined) {
    const { url, "viewer-token": viewerToken, "operator-token": operatorToken } = values;
    if (viewerToken === undefined || operatorToken === undefined) {
      throw new CandlewireError("plugin.no_token", `Read ${url}: its tokens are not given`, {
        hint: "Give --viewer-token and --operator-token from <data-dir>/tokens.json",
      });
    }
    pipeline = { url, viewerToken, operatorToken };
  } else {
    console.log("Starting the demo");
    pipeline = ends.use(await DemoProcess.start(values["data-dir"])).pipeline;
  }
  const { url, viewerToken, operatorToken } = pipeline;
  const host = ends.use(
    await MiniHost.start({
      dist: values.dist,
      libraries,
      port: Number(values.port),
      settings: { jsonData: { controlUrl: url }, secureJsonData: { viewerToken, operatorToken } },
      print: console.log,
    }),
  );
  console.log(`Pages and panels: ${host.url}/  (?role=Viewer, ?theme=light)\nControl API: ${url}`);
  await stopped;
}
