import { seededRandom } from "../seeded_random.ts";
import type { Session } from "../stream/session.ts";
import { type Fault, type FrameFault, type HttpFault, matches } from "./fault.ts";
import { garble } from "./garbage.ts";

/** A standing order and how often it struck. */
export type FaultEntry = { id: number; fault: Fault; struck: number; active: boolean };

type Rule = FaultEntry & { random: () => number; seen: number; until: number | undefined };
type Held = { session: Session; frame: Uint8Array; left: number; since: number };

/** Frames held back at the same time by `delay` and `reorder` (I10); beyond it they are sent at once. */
const MAX_HELD = 100_000;
/** Entries that are remembered after they ended. */
const MAX_ENTRIES = 1000;
/** A reordered frame that nothing follows is sent after this real time. */
const REORDER_PATIENCE_MS = 200;

/**
 * The faults in force. Frames and requests ask here; orders that act once (cuts, shutdown, skew) are carried out by
 * the server and only counted here.
 */
export class FaultBoard {
  readonly #entries: Rule[] = [];
  #frameRules: (Rule & { fault: FrameFault })[] = [];
  #httpRules: (Rule & { fault: HttpFault })[] = [];
  #held: Held[] = [];
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #nextId = 1;
  readonly #now: () => number;
  /** Frames to send without further faults; set by the server to write them out at once. */
  onLate: (session: Session) => void = () => {};

  constructor(now: () => number) {
    this.#now = now;
  }

  /** True when a frame must be asked about: a plain check on the fast path. */
  get touchesFrames(): boolean {
    return this.#frameRules.length > 0 || this.#held.length > 0;
  }

  list(): FaultEntry[] {
    return this.#entries.map(({ id, fault, struck, active }) => ({ id, fault, struck, active }));
  }

  /** Adds an order. `struck` is what was done already, for orders that act once. */
  add(fault: Fault, struck = 0): FaultEntry {
    const seed = "seed" in fault ? fault.seed : 1;
    const ms = fault.name === "stall" ? fault.ms : "seconds" in fault ? fault.seconds * 1000 : undefined;
    const rule: Rule = {
      id: this.#nextId++,
      fault,
      struck,
      active: true,
      random: seededRandom(seed),
      seen: 0,
      until: ms === undefined ? undefined : this.#now() + ms,
    };
    const standing = fault.name === "cut" ? fault.afterFrames > 0 : true;
    if (isFrameRule(rule) && standing) this.#frameRules.push(rule);
    else if (isHttpRule(rule)) this.#httpRules.push(rule);
    else rule.active = fault.name === "skew";
    this.#entries.push(rule);
    if (this.#entries.length > MAX_ENTRIES) {
      const ended = this.#entries.findIndex((each) => !each.active);
      this.#end(this.#entries[Math.max(0, ended)]!);
      this.#entries.splice(Math.max(0, ended), 1);
    }
    return { id: rule.id, fault, struck: rule.struck, active: rule.active };
  }

  /** Ends one order, or all. Held frames are sent. Returns how many were active. */
  clear(id?: number): number {
    let ended = 0;
    for (const rule of this.#entries) {
      if (id !== undefined && rule.id !== id) continue;
      if (rule.active) ended++;
      this.#end(rule);
    }
    this.release(true);
    return ended;
  }

  /** Sends a frame, or does to it what the rules say. */
  deliver(session: Session, stream: string, frame: Uint8Array): void {
    let copies = 1;
    let late: Held | undefined;
    for (const rule of this.#frameRules) {
      const { fault } = rule;
      if (fault.connection !== undefined && fault.connection !== session.id) continue;
      if (fault.name === "stall") {
        if (this.stalled(session)) {
          rule.struck++;
          return;
        }
        continue;
      }
      if (!matches(fault.stream, stream) || !this.#strikes(rule)) continue;
      switch (fault.name) {
        case "drop":
          return;
        case "duplicate":
          copies += fault.copies;
          break;
        case "delay":
          if (this.#timers.size >= MAX_HELD) break;
          this.#later(fault.ms, session, frame);
          return;
        case "reorder":
          if (this.#held.length < MAX_HELD) late = { session, frame, left: fault.by, since: this.#now() };
          break;
        case "garbage":
          session.send(garble(fault.kind, frame, fault.bytes));
          if (!fault.keep) return;
          break;
        case "cut":
          session.socket.destroy();
          return;
        default:
          fault satisfies never;
      }
    }
    if (late !== undefined) {
      this.#held.push(late);
      return;
    }
    for (let i = 0; i < copies; i++) session.send(frame);
    if (this.#held.length > 0) this.#passed(session);
  }

  /** True while a connection must stay silent. */
  stalled(session: Session): boolean {
    for (const rule of this.#frameRules) {
      const { fault } = rule;
      if (fault.name !== "stall") continue;
      if (rule.until !== undefined && this.#now() >= rule.until) {
        this.#end(rule);
        continue;
      }
      if (fault.connection !== undefined && fault.connection !== session.id) continue;
      for (const name of session.subscriptions.keys()) if (matches(fault.stream, name)) return true;
    }
    return false;
  }

  /** The fault that a request meets, if any. */
  request(path: string): { fault: HttpFault; secondsLeft: number } | undefined {
    for (const rule of this.#httpRules) {
      if (rule.until !== undefined && this.#now() >= rule.until) {
        this.#end(rule);
        continue;
      }
      if (!matches(rule.fault.path, path) || !this.#strikes(rule)) continue;
      const left = rule.until === undefined ? 0 : Math.max(1, Math.ceil((rule.until - this.#now()) / 1000));
      return { fault: rule.fault, secondsLeft: left };
    }
    return undefined;
  }

  /** Sends reordered frames that nothing followed; all of them when `all`. */
  release(all = false): void {
    if (this.#held.length === 0) return;
    const now = this.#now();
    const [due, rest] = [[] as Held[], [] as Held[]];
    for (const held of this.#held) (all || now - held.since > REORDER_PATIENCE_MS ? due : rest).push(held);
    this.#held = rest;
    for (const { session, frame } of due) this.#send(session, frame);
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#held = [];
  }

  #send(session: Session, frame: Uint8Array): void {
    if (!session.socket.open) return;
    session.send(frame);
    this.onLate(session);
  }

  #later(ms: number, session: Session, frame: Uint8Array): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#send(session, frame);
    }, ms);
    this.#timers.add(timer);
  }

  /** A frame of a connection went out: those that wait for it come nearer. */
  #passed(session: Session): void {
    const rest: Held[] = [];
    for (const held of this.#held) {
      if (held.session === session && --held.left <= 0) session.send(held.frame);
      else rest.push(held);
    }
    this.#held = rest;
  }

  #strikes(rule: Rule): boolean {
    const { fault } = rule;
    rule.seen++;
    if (fault.name === "cut") {
      if (rule.seen < fault.afterFrames) return false;
    } else if ("probability" in fault && fault.probability < 1 && rule.random() >= fault.probability) {
      return false;
    }
    rule.struck++;
    const count = fault.name === "cut" ? fault.count ?? 1 : "count" in fault ? fault.count : undefined;
    if (count !== undefined && rule.struck >= count) this.#end(rule);
    return true;
  }

  #end(rule: Rule): void {
    rule.active = false;
    this.#frameRules = this.#frameRules.filter((each) => each !== rule);
    this.#httpRules = this.#httpRules.filter((each) => each !== rule);
  }
}

function isFrameRule(rule: Rule): rule is Rule & { fault: FrameFault } {
  return ["drop", "duplicate", "delay", "reorder", "stall", "garbage", "cut"].includes(rule.fault.name);
}

function isHttpRule(rule: Rule): rule is Rule & { fault: HttpFault } {
  return "path" in rule.fault;
}
