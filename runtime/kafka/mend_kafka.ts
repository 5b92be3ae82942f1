import { setImmediate } from "node:timers";
import ConsumerGroup from "kafkajs/src/consumer/consumerGroup.js";
import Runner from "kafkajs/src/consumer/runner.js";
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import { replaceFetchDecoder } from "./fetch_response_kafka.ts";

type Queue = { pending: unknown[] };
type StoppableRunner = {
  running: boolean;
  fetchManager: { stop(): Promise<void> };
  fetch(this: StoppableRunner, node: number): Promise<unknown[]>;
};
type JoiningGroup = { joinAndSync(this: JoiningGroup): Promise<void> };

let mended = false;

/**
 * Mends kafkajs 2.2.4, which is pinned, where it has no setting for it. Once a process; idempotent.
 *
 * - With nothing pending it sets a timer of a negative time after every answer: work for nothing, and a
 *   TimeoutNegativeWarning on stderr. Whatever is queued later sets its own timer.
 * - A consumer that is stopped while its fetchers are made anew, because brokers came or went, would fetch nothing for ever,
 *   in microtasks alone, so that no timer of the process fires any more: its fetchers are told to end.
 * - A member whose join is refused, as by a coordinator that has just moved and is still loading, would go on as what it was
 *   before: it fetches and sends heartbeats, which are answered, and never joins again. It ends (CRASH).
 * - How it decodes what it fetched: see {@linkcode replaceFetchDecoder}.
 */
export function mendDriver(): void {
  if (mended) return;
  mended = true;
  replaceFetchDecoder();
  const queue = RequestQueue.prototype as { scheduleCheckPendingRequests(this: Queue): void };
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) schedule.call(this);
  };
  const group = ConsumerGroup.prototype as JoiningGroup;
  const join = group.joinAndSync;
  group.joinAndSync = async function () {
    try {
      await join.call(this);
    } catch (error) {
      throw Object.assign(error as Error, { retriable: false });
    }
  };
  const runner = Runner.prototype as StoppableRunner;
  const fetch = runner.fetch;
  runner.fetch = async function (node) {
    if (this.running) return await fetch.call(this, node);
    void this.fetchManager.stop();
    await new Promise<void>((resolve) => setImmediate(resolve));
    return [];
  };
}
