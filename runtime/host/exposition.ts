/** Metric values as the host keeps them: by `metricKey`, with the type of each name. */
export type MetricSet = {
  values: ReadonlyMap<string, number>;
  types: ReadonlyMap<string, string>;
};

const KEY =
  /^[a-zA-Z_:][a-zA-Z0-9_:]{0,127}(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]{0,63}="(?:[^"\\\n\r]|\\["\\nrt])*",?)+\})?$/;
const TYPES: readonly string[] = ["counter", "gauge", "histogram"];

/** True when a child's metric key is well formed, bounded, and does not claim to be another module. */
export function isMetricKey(key: string): boolean {
  return key.length <= 512 && KEY.test(key) && !/[{,]module="/.test(key);
}

/** True for a type that a child may name. */
export function isMetricType(type: unknown): type is string {
  return TYPES.includes(type as string);
}

/**
 * Prometheus' text format of several modules' metrics, each series with the label `module`; one TYPE line a name, as
 * the format demands that a name's series stand together.
 * Format: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function metricsText(sets: Iterable<readonly [module: string | null, set: MetricSet]>): string {
  const families = new Map<string, { type: string; lines: string[] }>();
  for (const [module, { values, types }] of sets) {
    for (const [key, value] of values) {
      const brace = key.indexOf("{");
      const name = brace < 0 ? key : key.slice(0, brace);
      const inner = brace < 0 ? "" : key.slice(brace + 1, -1);
      const histogram = /^(.*)_(?:bucket|sum|count)$/.exec(name)?.[1];
      const family = histogram !== undefined && types.get(histogram) === "histogram" ? histogram : name;
      const entry = families.get(family) ?? { type: types.get(family) ?? "untyped", lines: [] };
      const labels = [module === null ? "" : `module=${JSON.stringify(module)}`, inner].filter((part) =>
        part !== ""
      );
      entry.lines.push(`${name}${labels.length === 0 ? "" : `{${labels.join(",")}}`} ${numberText(value)}`);
      families.set(family, entry);
    }
  }
  let text = "";
  for (const [name, { type, lines }] of [...families].sort(([a], [b]) => a < b ? -1 : 1)) {
    text += `# TYPE ${name} ${type}\n${lines.join("\n")}\n`;
  }
  return text;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value);
}
