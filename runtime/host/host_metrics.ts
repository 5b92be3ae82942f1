import { metricsText } from "./exposition.ts";
import { metricKey } from "./memory_context.ts";
import type { SupervisedModule } from "./supervised_module.ts";

/** Prometheus text of what the modules report and of what the host knows about them. */
export function hostMetricsText(modules: SupervisedModule[], calls: ReadonlyMap<string, number>): string {
  const own = { values: new Map<string, number>(), types: new Map<string, string>() };
  const put = (name: string, type: string, labels: Record<string, string>, value: number | null) => {
    own.types.set(name, type);
    if (value !== null) own.values.set(metricKey(name, labels), value);
  };
  for (const status of modules.map((module) => module.status())) {
    const labels = { module: status.name };
    put("candlewire_module_up", "gauge", labels, status.state === "running" ? 1 : 0);
    put("candlewire_module_restarts_total", "counter", labels, status.restarts);
    put("candlewire_module_memory_bytes", "gauge", labels, status.rssBytes);
    put("candlewire_module_memory_limit_bytes", "gauge", labels, status.memoryLimitBytes);
    put("candlewire_module_cpu_seconds_total", "counter", labels, status.cpuSeconds);
    for (const [kind, count] of Object.entries(status.violations)) {
      put("candlewire_module_violations_total", "counter", { ...labels, kind }, count);
    }
  }
  for (const [key, count] of calls) {
    const [from, to, ok] = key.split(" ") as [string, string, string];
    put("candlewire_host_calls_total", "counter", { from, to, ok }, count);
  }
  put("candlewire_host_memory_bytes", "gauge", {}, Deno.memoryUsage().rss);
  return metricsText([
    [null, own],
    ...modules.map((module) => [module.name, module.record.metrics] as const),
  ]);
}
