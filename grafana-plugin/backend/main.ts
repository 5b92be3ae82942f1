/** The backend of `candlewire-market-datasource`: composition only. Grafana starts it; the README says how. */
import { watchHang, watchParent } from "./operation/life.ts";
import { log } from "./operation/log.ts";
import { Metrics } from "./operation/metrics.ts";
import { Instances } from "./instance/instances.ts";
import { MarketBackend } from "./market_backend.ts";
import { handshakeLine, startProblem } from "./protocol/handshake.ts";
import { serveBackend } from "./protocol/server.ts";

const problem = startProblem((name) => Deno.env.get(name));
if (problem !== undefined) {
  console.error(problem);
  Deno.exit(1);
}
// The handshake is the only word on stdout: whatever a library prints goes to the log.
for (const level of ["debug", "info", "warn", "error", "log"] as const) {
  console[level] = (...words: unknown[]) =>
    log(level === "log" ? "info" : level, words.map(String).join(" "));
}
const end = (why: string) => {
  log("info", "The backend ends", { why });
  Deno.exit(0);
};
// Ctrl+C in Grafana's terminal reaches its children too; Grafana ends them in order itself.
Deno.addSignalListener("SIGINT", () => {});
Deno.addSignalListener("SIGTERM", () => end("SIGTERM"));
watchParent(() => end("Grafana has gone"));
// A mistake in the background must not take all data sources away.
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  log("error", "A rejection was not handled", {
    error: String((event.reason as Error)?.stack ?? event.reason),
  });
});

const instances = new Instances(log);
const backend = new MarketBackend(instances, new Metrics(() => instances.size));
const { port } = await serveBackend(backend, {
  log,
  // The answer to the call is still to be sent.
  onShutdown: () => setTimeout(() => end("Grafana asked"), 50),
});
watchHang(log);
Deno.stdout.writeSync(new TextEncoder().encode(handshakeLine(port)));
log("info", "The backend serves", { port, deno: Deno.version.deno, pid: Deno.pid });
