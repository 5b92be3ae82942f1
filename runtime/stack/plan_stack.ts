import { planCassandra } from "./plan_cassandra.ts";
import { planConnect } from "./plan_connect.ts";
import { type KafkaIdentity, planKafka } from "./plan_kafka.ts";
import type { PlanFolders, ServerPlan } from "./server_plan.ts";
import type { StackSettings } from "./settings.ts";

/** All Java servers of a stack, in the order in which they are shown. Pure. */
export function planStack(
  settings: StackSettings,
  options: { folders: PlanFolders; identity: KafkaIdentity; secretsFile: string },
): ServerPlan[] {
  const count = (length: number) => Array.from({ length }, (_, at) => at + 1);
  const { parts } = settings;
  return [
    ...(parts.includes("kafka")
      ? count(settings.brokers).map((index) => planKafka(index, settings, options))
      : []),
    ...(parts.includes("connect") ? [planConnect(settings, options)] : []),
    ...(parts.includes("cassandra")
      ? count(settings.nodes).map((index) => planCassandra(index, settings, options))
      : []),
  ];
}
