import { Ring } from "./frame.js";

/** @typedef {import("./types.js").Origin} Origin */
/** @typedef {"origin" | "connection" | "session" | "pipeline" | "modules" | "alerts" | "deadLetters" | "replays"} Topic */

/** Sparklines cover two minutes of the channel `pipeline`. */
const HISTORY = 120;
const ALERTS = 100;
const CHANNEL_LETTERS = 20;

/** What every page may show, kept across pages. Changes are told by topic. */
export class State {
  /** @type {Map<Topic, Set<() => void>>} */
  #listeners = new Map();

  /** @type {Origin | null} */
  origin = null;
  /** Null while the origin is unknown. @type {boolean | null} */
  simulated = null;
  /** @type {import("./types.js").Connection} */
  connection = { state: "connecting", detail: "", retryAt: 0 };
  /** @type {import("./types.js").Role} */
  role = null;
  /** @type {number | null} */
  expiresAt = null;
  /** @type {import("./types.js").Pipeline | null} */
  pipeline = null;
  /** Rates per stage, oldest first. @type {Map<string, Ring<number>>} */
  rates = new Map();
  /** @type {Map<string, import("./types.js").Module>} */
  modules = new Map();
  /** Newest first. @type {import("./types.js").StoredAlert[]} */
  alerts = [];
  /** The newest that are kept, at most a page; null until the first snapshot. @type {import("./types.js").DeadLetter[] | null} */
  deadLetters = null;
  /** Whether there are more than {@link deadLetters}. */
  moreDeadLetters = false;
  /** Newest first; null until the first snapshot. @type {import("./types.js").Replay[] | null} */
  replays = null;

  /** How many dead letters are kept, as far as known: `3`, `20+`. */
  get deadLetterCount() {
    return this.deadLetters === null ? "–" : `${this.deadLetters.length}${this.moreDeadLetters ? "+" : ""}`;
  }

  get operator() {
    return this.role === "operator";
  }

  /**
   * @param {Topic[]} topics
   * @param {() => void} listener
   * @returns {() => void}
   */
  on(topics, listener) {
    for (const topic of topics) {
      const set = this.#listeners.get(topic) ?? new Set();
      this.#listeners.set(topic, set.add(listener));
    }
    return () => {
      for (const topic of topics) this.#listeners.get(topic)?.delete(listener);
    };
  }

  /** @param {Topic} topic */
  tell(topic) {
    for (const listener of this.#listeners.get(topic) ?? []) listener();
  }

  /**
   * I8: the last answer decides; an answer without an origin does not make a known one unknown.
   * @param {Origin | undefined} origin
   * @param {boolean | undefined} simulated
   */
  setOrigin(origin, simulated) {
    if (origin === undefined || origin === null) return;
    const next = simulated ?? origin.kind !== "live";
    if (this.simulated === next && this.origin?.id === origin.id && this.origin?.label === origin.label) {
      return;
    }
    this.origin = origin;
    this.simulated = next;
    this.tell("origin");
  }

  /** @param {import("./types.js").LiveEvent} event */
  receive(event) {
    const { channel, kind, data } = event;
    if (channel === "pipeline") this.#pipeline(data);
    else if (channel === "modules") {
      if (kind === "snapshot") this.setModules(data.modules);
      else if (data.module !== null && data.module !== undefined) this.setModule(data.module);
    } else if (channel === "alerts") {
      this.#alerts(kind === "snapshot" ? data.rows : [data], kind === "snapshot");
    } else if (channel === "dead-letters") {
      this.deadLetters = data.rows;
      // The channel carries the newest twenty; its `total` counts since the start, dropped and retried ones too.
      this.moreDeadLetters = data.rows.length >= CHANNEL_LETTERS;
      this.tell("deadLetters");
    } else if (channel === "replays") {
      this.replays = data.replays;
      this.tell("replays");
    }
  }

  /** @param {import("./types.js").Module[]} modules */
  setModules(modules) {
    this.modules = new Map(modules.map((module) => [module.name, module]));
    this.tell("modules");
  }

  /** @param {import("./types.js").Module} module */
  setModule(module) {
    this.modules.set(module.name, module);
    this.tell("modules");
  }

  /** @param {import("./types.js").Pipeline} pipeline */
  #pipeline(pipeline) {
    this.pipeline = pipeline;
    for (const stage of pipeline.stages) {
      const ring = this.rates.get(stage.id) ?? new Ring(HISTORY);
      ring.push(stage.rate ?? 0);
      this.rates.set(stage.id, ring);
    }
    this.tell("pipeline");
  }

  /**
   * @param {import("./types.js").StoredAlert[]} rows
   * @param {boolean} fresh
   */
  #alerts(rows, fresh) {
    const byId = new Map(fresh ? [] : this.alerts.map((alert) => [alert.id, alert]));
    for (const row of rows) byId.set(row.id, row);
    this.alerts = [...byId.values()].sort((a, b) => Number(b.raised_at) - Number(a.raised_at)).slice(
      0,
      ALERTS,
    );
    this.tell("alerts");
  }
}
