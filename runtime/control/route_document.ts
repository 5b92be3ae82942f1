import type { z } from "@hono/zod-openapi";
import { problemSchema } from "./schema.ts";
import { TITLES } from "./problem.ts";

/** Credentials of routes that need one: a bearer token or the console's cookie. */
export const SIGNED_IN: Record<string, string[]>[] = [{ bearer: [] }, { session: [] }];

/** A JSON answer in a route's document. */
export function json<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { "application/json": { schema } } };
}

/** A JSON body in a route's document. */
export function body<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { "application/json": { schema } } };
}

/** Problem answers in a route's document. */
export function problems<Status extends keyof typeof TITLES>(...statuses: Status[]) {
  const content = { "application/problem+json": { schema: problemSchema } };
  return Object.fromEntries(
    statuses.map((status) => [status, { description: TITLES[status] as string, content }]),
  ) as unknown as { [S in Status]: { description: string; content: typeof content } };
}

/** An event stream in a route's document. */
export function eventStream(description: string, schema: z.ZodType) {
  return { description, content: { "text/event-stream": { schema } } };
}
