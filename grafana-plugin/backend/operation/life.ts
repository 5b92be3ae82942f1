import type { Log } from "./log.ts";

/** How often the parent is looked at, ms. */
const PARENT_MS = 1_000;
/** A main thread that stands still for so long is hung, ms. Far above the longest computation that limits allow. */
const HANG_MS = 30_000;

/**
 * Calls `onOrphan` once when the parent process is another than at the start: Grafana was killed and nobody would end us.
 */
export function watchParent(onOrphan: () => void): void {
  const parent = Deno.ppid;
  const timer = setInterval(() => {
    if (Deno.ppid === parent) return;
    clearInterval(timer);
    onOrphan();
  }, PARENT_MS);
  Deno.unrefTimer(timer);
}

/**
 * Code of the watchdog's thread. A worker can end its own thread only: `Deno.exit` and `process.abort` do not reach the process
 * and `Deno.kill` would need the permission to run anything. Running out of memory is the one thing in a worker that ends the
 * whole process, and the heap's limit makes that quick.
 */
const WATCHDOG = `
self.onmessage = ({ data: { beat, hangMs } }) => {
  const seconds = new Int32Array(beat);
  let lookedMs = Date.now();
  setInterval(() => {
    const pausedMs = Date.now() - lookedMs;
    lookedMs = Date.now();
    if (pausedMs > 5000) return;
    const silentMs = Date.now() - Atomics.load(seconds, 0) * 1000;
    if (silentMs <= hangMs + 1000) return;
    console.error(JSON.stringify({ "@level": "error", "@message": "The backend hangs: ended by its watchdog, Grafana starts it again",
      "@timestamp": new Date().toISOString().replace("Z", "000Z"), silentMs }));
    const heap = [];
    for (;;) heap.push(new Array(1_000_000).fill(heap.length));
  }, 1000);
};`;

/**
 * Ends the process when its main thread stands still for half a minute: Grafana does not notice a hang, but starts a backend
 * again that has ended. A machine that slept is no hang: the watchdog, which slept too, then looks once more.
 */
export function watchHang(log: Log, options: { hangMs?: number } = {}): void {
  const { hangMs = HANG_MS } = options;
  const beat = new SharedArrayBuffer(4);
  const seconds = new Int32Array(beat);
  const tick = () => void Atomics.store(seconds, 0, Math.floor(Date.now() / 1000));
  tick();
  Deno.unrefTimer(setInterval(tick, 1_000));
  const url = URL.createObjectURL(new Blob([WATCHDOG], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  worker.onerror = (event) => {
    event.preventDefault();
    log("warn", "The watchdog has ended", { error: event.message });
  };
  worker.postMessage({ beat, hangMs });
}
