import { createRoute, z } from "@hono/zod-openapi";
import { CandlewireError } from "../error.ts";
import type { LogLevel, LogLine } from "../host/module_context.ts";
import { newRouter } from "./control_env.ts";
import { audit, type ControlParts, type ShownModule, shownModule, stamped } from "./control_parts.ts";
import { STREAM_HEADERS } from "./event_reader.ts";
import { logStream } from "./log_stream.ts";
import { approveBody, logsQuery, moduleName } from "./parameter.ts";
import { body, eventStream, json, problems, SIGNED_IN } from "./route_document.ts";
import { answer, logLineSchema, moduleSchema, originSchema } from "./schema.ts";

const params = z.strictObject({ name: moduleName });
const common = { tags: ["modules"], security: SIGNED_IN };
const changeFailures = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503, 504);
const moduleAnswer = answer("ModuleAnswer", { module: moduleSchema });
const LEVELS: LogLevel[] = ["debug", "info", "warn", "error"];

/** The supervisor's modules: `/modules`. */
export function moduleRoutes(parts: ControlParts) {
  return newRouter()
    .openapi(
      createRoute({
        ...common,
        method: "get",
        path: "/modules",
        operationId: "listModules",
        summary: "Every module with its state, permissions, memory and rates",
        responses: {
          200: json("The modules", answer("ModulesAnswer", { modules: z.array(moduleSchema) })),
          ...problems(401, 403, 429),
        },
      }),
      (c) => {
        const modules = parts.host.modules().map((module) => shownModule(parts, module.name)!);
        return c.json(stamped(parts, { modules }), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        method: "get",
        path: "/modules/{name}",
        operationId: "getModule",
        summary: "One module",
        request: { params },
        responses: { 200: json("The module", moduleAnswer), ...problems(400, 401, 403, 404, 429) },
      }),
      (c) => c.json(stamped(parts, { module: known(parts, c.req.valid("param").name) }), 200),
    )
    .openapi(
      createRoute({
        ...common,
        method: "post",
        path: "/modules/{name}/approve",
        operationId: "approveModule",
        summary: "Allow the code with this digest to run",
        request: { params, body: body(approveBody) },
        responses: { 200: json("The module", moduleAnswer), ...changeFailures },
      }),
      async (c) => {
        const { name } = c.req.valid("param");
        const { digest } = c.req.valid("json");
        known(parts, name);
        audit(parts, c, "modules.approve", { module: name, digest });
        await parts.host.approve(name, digest);
        return c.json(stamped(parts, { module: known(parts, name) }), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        method: "post",
        path: "/modules/{name}/{action}",
        operationId: "changeModule",
        summary: "Start, stop (drain first) or restart a module",
        request: {
          params: z.strictObject({ name: moduleName, action: z.enum(["start", "stop", "restart"]) }),
        },
        responses: {
          200: json("The state is reached", moduleAnswer),
          202: json("Still under way; follow the channel modules", moduleAnswer),
          ...changeFailures,
        },
      }),
      async (c) => {
        const { name, action } = c.req.valid("param");
        known(parts, name);
        audit(parts, c, `modules.${action}`, { module: name });
        const reached = await settled(parts, name, action);
        return c.json(stamped(parts, { module: known(parts, name) }), reached ? 200 : 202);
      },
    )
    .openapi(
      createRoute({
        ...common,
        method: "get",
        path: "/modules/{name}/logs",
        operationId: "readModuleLogs",
        summary: "Kept log lines; as a stream unless Accept asks for application/json",
        request: {
          params,
          query: logsQuery,
          headers: z.object({
            "last-event-id": z.string().max(64).optional().openapi({
              description: "Sequence to go on after",
            }),
          }),
        },
        responses: {
          200: {
            description: "Lines, oldest first",
            content: {
              ...json("", answer("LogPage", { lines: z.array(logLineSchema), next: z.int() })).content,
              ...eventStream(
                "",
                z.object({ origin: originSchema, simulated: z.boolean(), line: logLineSchema }).openapi(
                  "LogEvent",
                ),
              ).content,
            },
          },
          ...problems(400, 401, 403, 404, 429, 503),
        },
      }),
      (c) => {
        const { name } = c.req.valid("param");
        const { after, limit, level } = c.req.valid("query");
        known(parts, name);
        const wanted = (line: LogLine) => LEVELS.indexOf(line.level) >= LEVELS.indexOf(level);
        const accept = c.req.header("accept") ?? "*/*";
        if (accept.includes("application/json") && !accept.includes("text/event-stream")) {
          // The host gives the newest; who goes on after a sequence wants the next ones, without a hole.
          const read = after === undefined
            ? parts.host.logs(name, { limit })
            : parts.host.logs(name, { after }).slice(0, limit);
          const next = read.at(-1)?.sequence ?? after ?? 0;
          return c.json(stamped(parts, { lines: read.filter(wanted), next }), 200);
        }
        if (c.req.method === "HEAD") return c.body(null, 200, STREAM_HEADERS) as never;
        const last = /^\d{1,15}$/.exec(c.req.header("last-event-id") ?? "")?.[0];
        const stream = logStream(parts, name, {
          after: last === undefined ? after : Number(last),
          limit,
          wanted,
        });
        // Streams are outside the typed answers.
        return c.body(stream, 200, STREAM_HEADERS) as never;
      },
    );
}

function known(parts: ControlParts, name: string): ShownModule {
  const module = shownModule(parts, name);
  if (module !== undefined) return module;
  throw new CandlewireError("control.not_found", `Find the module "${name}": there is none`, {
    hint: `Known are ${parts.host.modules().map((one) => one.name).join(", ") || "none"}`,
  });
}

/** True when the action ended within its time; it goes on otherwise, and its failure then goes to the log. */
async function settled(
  parts: ControlParts,
  name: string,
  action: "start" | "stop" | "restart",
): Promise<boolean> {
  let late = false;
  const work = parts.host[action](name).then(() => true, (error: unknown) => {
    if (!late) throw error;
    parts.log("error", `Module ${name}: ${action} failed after its answer`, { cause: String(error) });
    return true;
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => {
      late = true;
      resolve(false);
    }, parts.config.actionTimeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
