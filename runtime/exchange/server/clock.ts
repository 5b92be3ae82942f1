import { type EpochMs, epochMs } from "../../market/epoch.ts";

/** Virtual seconds a real second, or as fast as the readers take it. */
export type Speed = number | "max";

/**
 * The exchange's one clock. Pure: every question is given the wall time. While it is paced and running, virtual time
 * follows the wall; at `max`, at speed 0 and while paused it stands where {@linkcode moveTo} put it.
 */
export class VirtualClock {
  /** Milliseconds added to what the exchange tells as its own time: a wrong clock on demand, never a wrong order. */
  skewMs = 0;
  #speed: Speed;
  #paused: boolean;
  #base: number;
  #wallBase: number;
  /** The latest time that was told. */
  #told: number;

  constructor(start: EpochMs, speed: Speed, options: { wall: number; paused?: boolean }) {
    this.#speed = speed;
    this.#paused = options.paused ?? false;
    this.#base = start;
    this.#told = start;
    this.#wallBase = options.wall;
  }

  get speed(): Speed {
    return this.#speed;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** True when virtual time follows the wall. */
  get paced(): boolean {
    return !this.#paused && this.#speed !== "max" && this.#speed > 0;
  }

  /** Virtual time at a wall time. Never goes back, also when the wall does. */
  at(wall: number): EpochMs {
    const passed = this.paced ? Math.max(0, wall - this.#wallBase) * (this.#speed as number) : 0;
    this.#told = Math.max(this.#told, Math.floor(this.#base + passed));
    return epochMs(this.#told);
  }

  /** What the exchange says its time is: {@linkcode at} plus the skew. */
  told(wall: number): EpochMs {
    return epochMs(this.at(wall) + this.skewMs);
  }

  /** Real milliseconds until a virtual time is reached; 0 when it is due, undefined when the clock stands. */
  wait(virtual: EpochMs, wall: number): number | undefined {
    if (!this.#paused && this.#speed === "max") return 0;
    if (!this.paced) return virtual <= this.#base ? 0 : undefined;
    const due = this.#wallBase + (virtual - this.#base) / (this.#speed as number);
    return Math.max(0, due - wall);
  }

  /** Changes the speed from this moment on. */
  setSpeed(speed: Speed, wall: number): void {
    this.#rebase(wall);
    this.#speed = speed;
  }

  pause(wall: number): void {
    this.#rebase(wall);
    this.#paused = true;
  }

  resume(wall: number): void {
    this.#rebase(wall);
    this.#paused = false;
  }

  /** Puts virtual time to a point, never back: what full speed and `run` do with the events they took. */
  moveTo(virtual: EpochMs, wall: number): void {
    this.#rebase(wall);
    if (virtual > this.#base) this.#base = virtual;
  }

  #rebase(wall: number): void {
    if (this.paced) this.#base += Math.max(0, wall - this.#wallBase) * (this.#speed as number);
    this.#wallBase = wall;
  }
}
