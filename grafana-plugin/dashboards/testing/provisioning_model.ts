import { z } from "zod";

/**
 * Models of Grafana's provisioning files (12.4), after its documentation and the types that read them: what an unknown key or
 * a wrong type does there ranges from silence to a Grafana that does not start, so here nothing unknown is allowed.
 */

const uid = z.string().regex(/^[a-zA-Z0-9_-]{1,40}$/);
/** Durations as Prometheus writes them. */
const duration = z.string().regex(/^(0|(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?)$/).min(1);
/** Texts alone: a number or a boolean among them stops Grafana. */
const texts = z.record(z.string(), z.string());

export const dataSourcesFile = z.strictObject({
  apiVersion: z.literal(1),
  datasources: z.array(z.strictObject({
    name: z.string().min(1).max(190),
    uid,
    type: z.string().min(1),
    access: z.literal("proxy"),
    editable: z.boolean(),
    url: z.string().max(255).optional(),
    jsonData: z.record(z.string(), z.unknown()),
    secureJsonData: texts,
  })),
});

export const pluginsFile = z.strictObject({
  apiVersion: z.literal(1),
  apps: z.array(z.strictObject({
    type: z.string().min(1),
    org_id: z.int().min(1),
    disabled: z.boolean(),
    jsonData: z.record(z.string(), z.unknown()),
    secureJsonData: texts,
  })),
});

export const dashboardProvidersFile = z.strictObject({
  apiVersion: z.literal(1),
  providers: z.array(z.strictObject({
    name: z.string().min(1),
    folder: z.string().min(1),
    type: z.literal("file"),
    updateIntervalSeconds: z.int().min(1),
    options: z.strictObject({ path: z.string().startsWith("/") }),
  })),
});

const relativeTimeRange = z.strictObject({ from: z.int().min(0), to: z.int().min(0) })
  .refine(({ from, to }) => from >= to, "a range begins before it ends");

/** A server-side expression's model. */
export const expression = z.discriminatedUnion("type", [
  z.strictObject({
    refId: z.string(),
    datasource: z.strictObject({ type: z.literal("__expr__"), uid: z.literal("__expr__") }),
    type: z.literal("reduce"),
    expression: z.string(),
    reducer: z.enum(["min", "max", "mean", "sum", "count", "last", "median"]),
    settings: z.strictObject({ mode: z.enum(["", "dropNN", "replaceNN"]) }),
  }),
  z.strictObject({
    refId: z.string(),
    datasource: z.strictObject({ type: z.literal("__expr__"), uid: z.literal("__expr__") }),
    type: z.literal("math"),
    expression: z.string(),
  }),
  z.strictObject({
    refId: z.string(),
    datasource: z.strictObject({ type: z.literal("__expr__"), uid: z.literal("__expr__") }),
    type: z.literal("threshold"),
    expression: z.string(),
    conditions: z.array(z.strictObject({
      evaluator: z.strictObject({
        type: z.enum(["gt", "lt", "gte", "lte"]),
        params: z.array(z.number()).length(1),
      }),
    })).length(1),
  }),
]);

const rule = z.strictObject({
  uid,
  title: z.string().min(1).max(190),
  condition: z.string().min(1),
  for: duration,
  noDataState: z.enum(["NoData", "Alerting", "OK", "KeepLast"]),
  execErrState: z.enum(["Alerting", "Error", "OK", "KeepLast"]),
  labels: texts,
  annotations: texts,
  data: z.array(z.strictObject({
    refId: z.string().regex(/^[A-Z]$/),
    datasourceUid: z.string(),
    relativeTimeRange,
    model: z.looseObject({ refId: z.string() }),
  })).min(1),
});

export const rulesFile = z.strictObject({
  apiVersion: z.literal(1),
  groups: z.array(z.strictObject({
    orgId: z.int().min(1),
    name: z.string().min(1),
    folder: z.string().min(1),
    interval: duration,
    rules: z.array(rule).min(1),
  })),
});
export type Rule = z.infer<typeof rule>;

export const contactPointsFile = z.strictObject({
  apiVersion: z.literal(1),
  contactPoints: z.array(z.strictObject({
    orgId: z.int().min(1),
    name: z.string().min(1),
    receivers: z.array(z.strictObject({
      uid,
      type: z.literal("webhook"),
      disableResolveMessage: z.boolean(),
      settings: z.strictObject({ url: z.url(), httpMethod: z.enum(["POST", "PUT"]) }),
    })).min(1),
  })),
});

type Route = {
  receiver: string;
  group_by?: string[];
  group_wait?: string;
  group_interval?: string;
  repeat_interval?: string;
  object_matchers?: [string, string, string][];
  routes?: Route[];
};
const route: z.ZodType<Route> = z.lazy(() =>
  z.strictObject({
    receiver: z.string().min(1),
    group_by: z.array(z.string()).optional(),
    group_wait: duration.optional(),
    group_interval: duration.optional(),
    repeat_interval: duration.optional(),
    object_matchers: z.array(z.tuple([z.string(), z.enum(["=", "!=", "=~", "!~"]), z.string()])).optional(),
    routes: z.array(route).optional(),
  })
);

export const policiesFile = z.strictObject({
  apiVersion: z.literal(1),
  policies: z.array(
    z.looseObject({ orgId: z.int().min(1) }).transform(({ orgId, ...rest }) => ({
      orgId,
      route: route.parse(rest),
    })),
  ),
});
export type { Route };

/** Seconds of a duration of hours, minutes and seconds. */
export function seconds(text: string): number {
  const unit: Record<string, number> = { h: 3600, m: 60, s: 1 };
  return [...text.matchAll(/(\d+)([hms])/g)].reduce(
    (sum, [, count, of]) => sum + Number(count) * unit[of!]!,
    0,
  );
}
