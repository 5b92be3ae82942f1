import type { StateReader, StateWriter } from "../state_bytes.ts";
import type { Random } from "./random.ts";

/** Bursts: one in 80 s, of 0.4 s on average, 30 to 50 times the mean. They carry a fifth of all trades. */
const BURST_MEAN_MS = 400;
const CALM_MEAN_MS = 79_600;
const CALM_SHARE = 0.8;
const WAVE_PULL = 0.002;
const WAVE_STEP = 0.02;

/** How busy the market is: slow waves, and bursts with one market in front and a direction. Mean 1. */
export class Activity {
  /** Times the mean rate at present. */
  intensity = CALM_SHARE;
  /** The market that a burst is about; -1 when calm. */
  leader = -1;
  /** Where a burst drives prices, in standard deviations of the news; 0 when calm. */
  drift = 0;
  #burst = 0;
  #wave = 0;
  #changeAt: number;

  constructor(start: number, random: Random) {
    this.#changeAt = start + random.exponential() * CALM_MEAN_MS;
  }

  /** Called every 100 ms or so. */
  tick(time: number, random: Random, markets: number): void {
    this.#wave += WAVE_STEP * random.normal() - WAVE_PULL * this.#wave;
    if (time >= this.#changeAt) {
      if (this.leader < 0) {
        this.leader = random.integer(markets);
        this.drift = (random.integer(2) * 2 - 1) * (0.03 + 0.1 * random.unit());
        this.#burst = 30 + 20 * random.unit();
        this.#changeAt = time + random.exponential() * BURST_MEAN_MS;
      } else {
        this.leader = -1;
        this.drift = 0;
        this.#changeAt = time + random.exponential() * CALM_MEAN_MS;
      }
    }
    // The wave is lognormal with variance 0.1: dividing by its mean keeps the rate.
    this.intensity = this.leader < 0 ? CALM_SHARE * Math.exp(this.#wave - 0.05) : this.#burst;
  }

  /** As the feed's: what is to come comes later. */
  delay(ms: number): void {
    this.#changeAt += ms;
  }

  save(out: StateWriter): void {
    out.numbers([this.intensity, this.leader, this.drift, this.#burst, this.#wave, this.#changeAt]);
  }

  restore(state: StateReader): void {
    const [intensity, leader, drift, burst, wave, changeAt] = state.numbers();
    this.intensity = intensity!;
    this.leader = leader!;
    this.drift = drift!;
    this.#burst = burst!;
    this.#wave = wave!;
    this.#changeAt = changeAt!;
  }
}
