import { createRoute, z } from "@hono/zod-openapi";
import { CandlewireError } from "../error.ts";
import { newRouter } from "./control_env.ts";
import { audit, type ControlParts, stamped } from "./control_parts.ts";
import { sessionBody } from "./parameter.ts";
import { body, json, problems } from "./route_document.ts";
import { sessionSchema } from "./schema.ts";

const common = { tags: ["session"], security: [] as Record<string, string[]>[] };

/** Signing in and out of the console: `/login`, `/session`. */
export function sessionRoutes(parts: ControlParts) {
  const { access } = parts;
  return newRouter()
    .openapi(
      createRoute({
        ...common,
        method: "get",
        path: "/login",
        operationId: "login",
        summary: "Swap the printed one-time code for a console session",
        request: {
          query: z.strictObject({
            code: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/, "expected the code of the printed link"),
          }),
        },
        responses: {
          303: { description: "Signed in: the cookie is set, on to the console" },
          ...problems(400, 401, 403, 429),
        },
      }),
      (c) => {
        // A HEAD request, as link checkers send it, must not use the code up.
        if (c.req.method === "HEAD") return c.body(null, 303, { location: "/" });
        if (!access.spendCode(c.req.valid("query").code, c.get("address"))) {
          throw new CandlewireError(
            "control.unauthorized",
            "Use the login code: it is unknown, used or expired",
            {
              hint:
                "Start again for a new link, or sign in on the page with a token from <data-dir>/tokens.json",
            },
          );
        }
        access.open(c, "operator");
        c.set("role", "operator");
        audit(parts, c, "session.open", { by: "login link" });
        return c.redirect("/", 303);
      },
    )
    .openapi(
      createRoute({
        ...common,
        method: "get",
        path: "/session",
        operationId: "getSession",
        summary: "Who is signed in",
        responses: {
          200: json("The session; role null when nobody is", sessionSchema),
          ...problems(403, 429),
        },
      }),
      (c) => {
        const session = access.session(c);
        const role = c.req.header("authorization") === undefined ? session?.role : access.roleOf(c);
        return c.json(stamped(parts, { role: role ?? null, expiresAt: session?.expiresAt ?? null }), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        method: "post",
        path: "/session",
        operationId: "openSession",
        summary: "Sign in with a token",
        request: { body: body(sessionBody) },
        responses: {
          200: json("Signed in: the cookie is set", sessionSchema),
          ...problems(400, 401, 403, 413, 415, 429),
        },
      }),
      (c) => {
        const role = access.roleOfToken(c.req.valid("json").token, c.get("address"));
        if (role === undefined) {
          throw new CandlewireError("control.unauthorized", "Sign in with a token: it is not one of ours", {
            hint: "Take the viewer's or the operator's token from <data-dir>/tokens.json",
          });
        }
        const session = access.open(c, role);
        c.set("role", role);
        audit(parts, c, "session.open", { by: "token" });
        return c.json(stamped(parts, { role, expiresAt: session.expiresAt }), 200);
      },
    )
    .openapi(
      createRoute({
        ...common,
        method: "delete",
        path: "/session",
        operationId: "closeSession",
        summary: "Sign out",
        responses: { 200: json("Nobody is signed in", sessionSchema), ...problems(403) },
      }),
      (c) => {
        access.close(c);
        return c.json(stamped(parts, { role: null, expiresAt: null }), 200);
      },
    );
}
