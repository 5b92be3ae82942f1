/** A member of a group in a process of its own, to be killed: reads, acknowledges nothing, prints a line a record. */
import { KafkaLog } from "../kafka.ts";
import { testLogin } from "./kafka_subject.ts";

const [prefix, group] = Deno.args as [string, string];
const log = new KafkaLog(testLogin(), { group, sessionTimeoutMs: 6000, maxWaitMs: 50, heartbeatMs: 100 });
await log.subscribe([`${prefix}t`]);
for (;;) {
  const batches = await log.poll({ maxRecords: 50, timeoutMs: 1000 });
  const lines = batches.flatMap(({ records }) => records.map(({ value }) => `${value}\n`)).join("");
  if (lines !== "") await Deno.stdout.write(new TextEncoder().encode(lines));
}
