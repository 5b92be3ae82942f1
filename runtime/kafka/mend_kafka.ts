import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import { replaceFetchDecoder } from "./fetch_response_kafka.ts";

type Queue = { pending: unknown[] };

let mended = false;

/**
 * Mends kafkajs 2.2.4, which is pinned, where it has no setting for it. Once a process; idempotent.
 *
 * - With nothing pending it sets a timer of a negative time after every answer: work for nothing, and a
 *   TimeoutNegativeWarning on stderr. Whatever is queued later sets its own timer.
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
}
