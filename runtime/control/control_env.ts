import { OpenAPIHono } from "@hono/zod-openapi";
import type { Origin } from "../market/origin.ts";
import { CandlewireError } from "../error.ts";
import { cut } from "./problem.ts";
import type { Role } from "./session.ts";

/** What a request carries through middleware to its handler. */
export type ControlEnv = {
  Bindings: { remoteAddr?: { transport?: string; hostname?: string } };
  Variables: {
    requestId: string;
    /** Set once the caller is known. */
    role?: Role;
    /** Grafana's account of who acts; for the audit log only. */
    actor?: string;
    /** `address` of the caller's socket. */
    address: string;
    /** The path pattern that answered, for metrics: bounded, unlike the path. */
    routed?: string;
  };
};

/** A router whose refused parameters become problem documents. */
export function newRouter(): OpenAPIHono<ControlEnv> {
  return new OpenAPIHono<ControlEnv>({
    defaultHook: (result, c) => {
      if (result.success) return;
      const { issues } = result.error;
      // A name that is not known explains a missing one best: it is misspelt.
      const issue = issues.find((one) => one.code === "unrecognized_keys") ?? issues[0]!;
      const target = result.target as string;
      // An unknown key has an empty path; its name is in `keys`.
      const unknown = "keys" in issue && Array.isArray(issue.keys) ? String(issue.keys[0]) : undefined;
      const name = unknown ?? (issue.path.map(String).join(".") || "body");
      const raw = target === "query"
        ? c.req.query(name)
        : target === "param"
        ? c.req.param()[name as never] as string | undefined
        : valueAt((result as { data?: unknown }).data, issue.path);
      const what = target === "json" ? "member" : target === "param" ? "path part" : "parameter";
      throw new CandlewireError(
        "control.bad_parameter",
        unknown !== undefined
          ? `Read the ${what} "${cut(name, 60)}": it is not known here`
          : raw === undefined
          ? `Read the ${what} "${name}": ${target === "json" ? issue.message : "it is missing"}`
          : `Read the ${what} "${name}" with the value "${cut(raw)}": ${issue.message}`,
        {
          hint: unknown !== undefined
            ? "Leave it out, or look up its name in /docs"
            : `Give ${name} as /docs describes it for this path`,
          details: { parameter: name, value: raw },
        },
      );
    },
  });
}

/** The value at a path of a body, as text. */
function valueAt(body: unknown, path: PropertyKey[]): string | undefined {
  let value = body;
  for (const step of path) {
    value = typeof value === "object" && value !== null
      ? (value as Record<PropertyKey, unknown>)[step]
      : undefined;
  }
  return value === undefined ? undefined : typeof value === "string" ? value : JSON.stringify(value);
}

/** Puts the origin beside an answer's members (I8). */
export type Stamp = <Body extends Record<string, unknown>>(
  body: Body,
) => Body & { origin: Origin; simulated: boolean };
