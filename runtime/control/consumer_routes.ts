import { createRoute, z } from "@hono/zod-openapi";
import { CandlewireError } from "../error.ts";
import { newRouter } from "./control_env.ts";
import { audit, callModule, type ControlParts, readStore, stamped, stampedPage } from "./control_parts.ts";
import { deadLettersQuery, opaqueId, replayBody, retryBody } from "./parameter.ts";
import { body, json, problems, SIGNED_IN } from "./route_document.ts";
import { answer, deadLetterSchema, page, replaySchema } from "./schema.ts";

const params = z.strictObject({ id: opaqueId });
const failures = problems(400, 401, 403, 404, 409, 422, 429, 503, 504);
const changeFailures = { ...failures, ...problems(413, 415) };
const letters = { tags: ["dead letters"], security: SIGNED_IN };
const replays = { tags: ["replays"], security: SIGNED_IN };
const replayAnswer = answer("ReplayAnswer", { replay: replaySchema });

type Replay = z.infer<typeof replaySchema>;

/** What went wrong and doing it again: `/dead-letters`, `/replays`. The consumer does the work. */
export function consumerRoutes(parts: ControlParts) {
  return newRouter()
    .openapi(
      createRoute({
        ...letters,
        method: "get",
        path: "/dead-letters",
        operationId: "listDeadLetters",
        summary: "Records that could not be stored, newest first",
        request: { query: deadLettersQuery },
        responses: {
          200: json("A page of dead letters", page("DeadLetterPage", deadLetterSchema)),
          ...failures,
        },
      }),
      async (c) => {
        const query = c.req.valid("query");
        return c.json(
          stampedPage(parts, c, await readStore(parts, (store) => store.deadLetters(query))),
          200,
        );
      },
    )
    .openapi(
      createRoute({
        ...letters,
        method: "get",
        path: "/dead-letters/{id}",
        operationId: "getDeadLetter",
        summary: "One dead letter with its whole payload",
        request: { params },
        responses: {
          200: json("The dead letter", answer("DeadLetterAnswer", { deadLetter: deadLetterSchema })),
          ...failures,
        },
      }),
      async (c) => {
        const deadLetter = await knownLetter(parts, c.req.valid("param").id);
        return c.json(stamped(parts, { deadLetter }), 200);
      },
    )
    .openapi(
      createRoute({
        ...letters,
        method: "delete",
        path: "/dead-letters/{id}",
        operationId: "dropDeadLetter",
        summary: "Give a dead letter up",
        request: { params },
        responses: {
          200: json("It is gone", answer("DropAnswer", { id: z.string(), dropped: z.literal(true) })),
          ...changeFailures,
        },
      }),
      async (c) => {
        const { id } = c.req.valid("param");
        await knownLetter(parts, id);
        await callModule(parts, "consumer", "dead_letters.drop", { id });
        audit(parts, c, "dead_letters.drop", { id });
        return c.json(stamped(parts, { id, dropped: true as const }), 200);
      },
    )
    .openapi(
      createRoute({
        ...letters,
        method: "post",
        path: "/dead-letters/retry",
        operationId: "retryDeadLetters",
        summary: "Try dead letters again, after a fix",
        request: { body: body(retryBody) },
        responses: {
          200: json(
            "What became of them",
            answer("RetryAnswer", { retried: z.int(), stored: z.int(), failed: z.int() }),
          ),
          ...changeFailures,
        },
      }),
      async (c) => {
        const { all: _, ...choice } = c.req.valid("json");
        const answer = await callModule(parts, "consumer", "dead_letters.retry", choice) as {
          retried: number;
          stored: number;
          failed: number;
        };
        const { retried, stored, failed } = answer;
        audit(parts, c, "dead_letters.retry", { choice, retried, stored, failed });
        return c.json(stamped(parts, { retried, stored, failed }), 200);
      },
    )
    .openapi(
      createRoute({
        ...replays,
        method: "post",
        path: "/replays",
        operationId: "createReplay",
        summary: "Read a part of the change log again and store it, or only count it",
        request: { body: body(replayBody) },
        responses: { 201: json("The replay has begun", replayAnswer), ...changeFailures },
      }),
      async (c) => {
        const wanted = c.req.valid("json");
        const replay = await callModule(parts, "consumer", "replays.create", wanted) as Replay;
        audit(parts, c, "replays.create", { replay: replay.id, wanted });
        c.header("location", `/api/v1/replays/${encodeURIComponent(replay.id)}`);
        return c.json(stamped(parts, { replay }), 201);
      },
    )
    .openapi(
      createRoute({
        ...replays,
        method: "get",
        path: "/replays",
        operationId: "listReplays",
        summary: "Replays, newest first",
        responses: {
          200: json("The replays", answer("ReplaysAnswer", { replays: z.array(replaySchema) })),
          ...failures,
        },
      }),
      async (c) => c.json(stamped(parts, { replays: await parts.feed.replays() as Replay[] }), 200),
    )
    .openapi(
      createRoute({
        ...replays,
        method: "get",
        path: "/replays/{id}",
        operationId: "getReplay",
        summary: "A replay and how far it is",
        request: { params },
        responses: { 200: json("The replay", replayAnswer), ...failures },
      }),
      async (c) => {
        const { id } = c.req.valid("param");
        return c.json(stamped(parts, { replay: await replayOf(parts, "replays.get", id) }), 200);
      },
    )
    .openapi(
      createRoute({
        ...replays,
        method: "delete",
        path: "/replays/{id}",
        operationId: "cancelReplay",
        summary: "Cancel a replay; what it has stored stays",
        request: { params },
        responses: { 200: json("The replay", replayAnswer), ...changeFailures },
      }),
      async (c) => {
        const { id } = c.req.valid("param");
        await replayOf(parts, "replays.get", id);
        await callModule(parts, "consumer", "replays.cancel", { id });
        audit(parts, c, "replays.cancel", { replay: id });
        return c.json(stamped(parts, { replay: await replayOf(parts, "replays.get", id) }), 200);
      },
    );
}

async function knownLetter(parts: ControlParts, id: string) {
  const letter = await readStore(parts, (store) => store.deadLetter(id));
  if (letter !== undefined) return letter;
  throw new CandlewireError("control.not_found", `Find the dead letter "${id}": there is none`, {
    hint: "It may have been retried or dropped; GET /api/v1/dead-letters lists those there are",
  });
}

async function replayOf(parts: ControlParts, method: string, id: string): Promise<Replay> {
  const replay = await callModule(parts, "consumer", method, { id }) as Replay | null | undefined;
  if (replay !== null && replay !== undefined) return replay;
  throw new CandlewireError("control.not_found", `Find the replay "${id}": there is none`, {
    hint: "GET /api/v1/replays lists those there are",
  });
}
