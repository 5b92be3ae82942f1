import { apiAddress } from "./api.js";
import { EventStream } from "./event_stream.js";

/** @typedef {import("./types.js").LiveEvent} LiveEvent */
/** @typedef {import("./types.js").Connection} Connection */
/** @typedef {{ channels: string[], symbol?: string, onEvent: (event: LiveEvent) => void, onGap?: (channels: string[]) => void }} Subscription */

/** `pipeline` comes every second: without it for this long, what is shown is stale. */
const STALE_MS = 6_000;

/**
 * The one event stream of the page. Parts of the page subscribe to channels; a change of the union opens a new stream,
 * which begins with fresh snapshots.
 */
export class Live {
  /** @type {Set<Subscription>} */
  #subscriptions = new Set();
  /** @type {EventStream | undefined} */
  #stream;
  #address = "";
  /** Only while there is a session: without one the API refuses. */
  #started = false;
  #reopen = 0;
  #lastEventAt = 0;
  #onOrigin;
  #onConnection;
  #onUnauthorized;
  /** @type {Connection} */
  #connection = { state: "connecting", detail: "", retryAt: 0 };
  /** Events since the page opened, for the rate that reaches this page. */
  received = 0;

  /**
   * @param {object} listeners
   * @param {(origin: import("./types.js").Origin | undefined, simulated: boolean | undefined) => void} listeners.onOrigin
   * @param {(connection: Connection) => void} listeners.onConnection
   * @param {() => void} listeners.onUnauthorized
   */
  constructor(listeners) {
    this.#onOrigin = listeners.onOrigin;
    this.#onConnection = listeners.onConnection;
    this.#onUnauthorized = listeners.onUnauthorized;
    setInterval(() => this.#checkStale(), 1000);
    addEventListener("online", () => this.#stream?.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#stream?.retryNow();
    });
  }

  /**
   * @param {Subscription} subscription
   * @returns {() => void} unsubscribes
   */
  subscribe(subscription) {
    this.#subscriptions.add(subscription);
    this.#schedule();
    return () => {
      this.#subscriptions.delete(subscription);
      this.#schedule();
    };
  }

  /** Closes the stream until the next start: the session is gone. */
  stop() {
    this.#started = false;
    this.#stream?.close();
    this.#stream = undefined;
    this.#address = "";
    this.#set({ state: "signed_out", detail: "", retryAt: 0 });
  }

  start() {
    this.#started = true;
    this.#schedule();
  }

  retryNow() {
    this.#stream?.retryNow();
  }

  #schedule() {
    clearTimeout(this.#reopen);
    // A page change unsubscribes and subscribes: one reconnection for both.
    this.#reopen = setTimeout(() => this.#open(), 20);
  }

  #open() {
    const channels = new Set();
    const symbols = new Set();
    for (const subscription of this.#subscriptions) {
      for (const channel of subscription.channels) channels.add(channel);
      if (subscription.symbol !== undefined) symbols.add(subscription.symbol);
    }
    if (!this.#started || channels.size === 0) return;
    const address = apiAddress("events", {
      channels: [...channels].sort().join(","),
      symbols: [...symbols].sort().join(","),
    });
    if (address === this.#address) return;
    this.#stream?.close();
    this.#address = address;
    this.#lastEventAt = performance.now();
    this.#stream = new EventStream(address, {
      onEvent: (event) => this.#receive(event),
      onState: (state, problem, retryInMs) => {
        if (state === "connecting" && this.#connection.state === "disconnected") return;
        if (state === "connecting" && this.#connection.state !== "live") {
          this.#set({ state: "connecting", detail: "", retryAt: 0 });
        }
        if (state === "open") {
          this.#lastEventAt = performance.now();
          this.#set({ state: "live", detail: "", retryAt: 0 });
        }
        if (state === "waiting") {
          if (problem?.status === 401) return this.#onUnauthorized();
          this.#set({
            state: "disconnected",
            detail: [problem?.message, problem?.hint].filter((text) => text).join("; "),
            retryAt: Date.now() + retryInMs,
          });
        }
      },
    });
  }

  /** @param {import("./event_stream.js").ServerEvent} event */
  #receive(event) {
    this.received += 1;
    this.#lastEventAt = performance.now();
    if (this.#connection.state === "stale") this.#set({ state: "live", detail: "", retryAt: 0 });
    /** @type {any} */
    let body;
    try {
      body = JSON.parse(event.data);
    } catch {
      return;
    }
    this.#onOrigin(body.origin, body.simulated);
    if (event.event === "gap") {
      for (const subscription of this.#subscriptions) {
        const missed = subscription.channels.filter((channel) => body.channels?.includes(channel));
        // `too_old`: fresh snapshots follow by themselves.
        if (missed.length > 0 && body.reason !== "too_old") subscription.onGap?.(missed);
      }
      return;
    }
    for (const subscription of this.#subscriptions) {
      if (!subscription.channels.includes(body.channel ?? event.event)) continue;
      if (subscription.symbol !== undefined && body.symbol !== null && body.symbol !== subscription.symbol) {
        continue;
      }
      subscription.onEvent(body);
    }
  }

  #checkStale() {
    if (this.#connection.state !== "live") return;
    const silence = performance.now() - this.#lastEventAt;
    if (silence > STALE_MS) {
      this.#set({ state: "stale", detail: "no event arrives although the connection is open", retryAt: 0 });
    }
  }

  /** @param {Connection} connection */
  #set(connection) {
    this.#connection = connection;
    this.#onConnection(connection);
  }
}
