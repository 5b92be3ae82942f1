import { createRoute, z } from "@hono/zod-openapi";
import { CandlewireError } from "../error.ts";
import { isLoopback } from "./access.ts";
import { newRouter } from "./control_env.ts";
import { type ControlParts, stamped } from "./control_parts.ts";
import type { Check } from "./readiness.ts";
import { json, problems, SIGNED_IN } from "./route_document.ts";
import { answer, readinessSchema } from "./schema.ts";

/** How long an answer of `/readyz` is good: it is open to everybody and must not become a load. */
const READY_MS = 250;

/** What runs the host: `/healthz`, `/readyz`, `/metrics`. */
export function operationRoutes(parts: ControlParts) {
  let checks: Promise<Check[]> | undefined;
  let checkedMs = -Infinity;
  const readiness = () => {
    const now = parts.nowMs();
    if (checks === undefined || now - checkedMs >= READY_MS || now < checkedMs) {
      checkedMs = now;
      checks = parts.sampler.checks();
    }
    return checks;
  };
  return newRouter()
    .openapi(
      createRoute({
        method: "get",
        path: "/healthz",
        tags: ["operation"],
        operationId: "health",
        summary: "The host's process lives",
        responses: {
          200: json(
            "It lives",
            answer("Health", { status: z.literal("ok"), uptimeMs: z.number(), version: z.string() }),
          ),
          ...problems(403),
        },
      }),
      (c) => {
        const uptimeMs = parts.nowMs() - parts.sampler.startedMs;
        return c.json(stamped(parts, { status: "ok" as const, uptimeMs, version: parts.version }), 200);
      },
    )
    .openapi(
      createRoute({
        method: "get",
        path: "/readyz",
        tags: ["operation"],
        operationId: "readiness",
        summary:
          "Every required module runs and is healthy, the store is readable, no lag grows, the origin matches",
        responses: {
          200: json("Ready", readinessSchema),
          503: json("Not ready; `checks` say why", readinessSchema),
          ...problems(403),
        },
      }),
      async (c) => {
        const checks = await readiness();
        const ready = checks.every((check) => check.ok);
        const status = ready ? "ready" as const : "not_ready" as const;
        return c.json(stamped(parts, { status, checks }), ready ? 200 : 503);
      },
    )
    .openapi(
      createRoute({
        method: "get",
        path: "/metrics",
        tags: ["operation"],
        operationId: "metrics",
        summary: "Metrics of the modules and of this API; open to loopback callers, else with a token",
        security: [{}, ...SIGNED_IN],
        responses: {
          200: { description: "Prometheus text", content: { "text/plain": { schema: z.string() } } },
          ...problems(401, 403, 429),
        },
      }),
      async (c) => {
        // A proxy on this machine speaks for callers elsewhere.
        const proxied = c.req.header("forwarded") !== undefined ||
          c.req.header("x-forwarded-for") !== undefined;
        if ((proxied || !isLoopback(c.get("address"))) && parts.access.roleOf(c) === undefined) {
          throw new CandlewireError("control.unauthorized", "Read the metrics: nobody is signed in", {
            hint: "Send Authorization: Bearer with the viewer's token; only callers on loopback need none",
          });
        }
        const own = await parts.httpMetrics.text();
        const modules = parts.host.metricsText();
        const text = `${own}${modules}${modules === "" || modules.endsWith("\n") ? "" : "\n"}`;
        return c.body(text, 200, { "content-type": parts.httpMetrics.contentType }) as never;
      },
    );
}
