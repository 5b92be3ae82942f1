import { createRoute, z } from "@hono/zod-openapi";
import { newRouter } from "./control_env.ts";
import { STREAM_HEADERS } from "./event_reader.ts";
import type { ControlParts } from "./control_parts.ts";
import { type Channel, CHANNELS, eventsQuery } from "./parameter.ts";
import { problemOf } from "./problem.ts";
import { eventStream, problems, SIGNED_IN } from "./route_document.ts";
import { originSchema } from "./schema.ts";

const eventSchema = z.object({
  origin: originSchema,
  simulated: z.boolean(),
  channel: z.enum(CHANNELS),
  kind: z.enum(["snapshot", "change"]),
  symbol: z.string().nullable(),
  data: z.unknown(),
}).openapi("Event", {
  description: "`data` of an event; `gap` and `problem` events have members of their own",
});

/** The multiplexed event stream: `/events`. */
export function eventRoutes(parts: ControlParts) {
  return newRouter().openapi(
    createRoute({
      method: "get",
      path: "/events",
      tags: ["events"],
      security: SIGNED_IN,
      operationId: "readEvents",
      summary: "Snapshots, then changes, of the channels asked for",
      request: {
        query: eventsQuery,
        headers: z.object({
          "last-event-id": z.string().max(64).optional().openapi({
            description: "Resume after this id without loss, while it is kept",
          }),
        }),
      },
      responses: {
        200: eventStream("Server-sent events", eventSchema),
        ...problems(400, 401, 403, 429, 503),
      },
    }),
    (c) => {
      // A HEAD request takes no stream, and nobody would ever close it.
      if (c.req.method === "HEAD") return c.body(null, 200, STREAM_HEADERS) as never;
      const { channels = ["pipeline", "modules", "alerts"] as Channel[], symbols } = c.req.valid("query");
      const stream = parts.hub.open({
        channels,
        symbols,
        lastEventId: c.req.header("last-event-id"),
        snapshot: (channel) => parts.feed.snapshot(channel, symbols),
        problem: (error) => {
          const { status, code, detail, hint } = problemOf(error);
          if (status === 500) parts.log("error", "Snapshot failed", { cause: String(error) });
          return { status, code, detail, hint };
        },
      });
      // Streams are outside the typed answers.
      return c.body(stream, 200, STREAM_HEADERS) as never;
    },
  );
}
