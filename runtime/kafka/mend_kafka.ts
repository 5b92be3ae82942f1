import RequestQueue from "kafkajs/src/network/requestQueue/index.js";

type Queue = { pending: unknown[] };

let mended = false;

/**
 * Mends kafkajs 2.2.4, which is pinned, where it has no setting for it. Once a process; idempotent.
 *
 * - With nothing pending it sets a timer of a negative time after every answer: work for nothing, and a
 *   TimeoutNegativeWarning on stderr. Whatever is queued later sets its own timer.
 */
export function mendDriver(): void {
  if (mended) return;
  mended = true;
  const queue = RequestQueue.prototype as { scheduleCheckPendingRequests(this: Queue): void };
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) schedule.call(this);
  };
}
