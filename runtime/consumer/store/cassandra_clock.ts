/**
 * The clock of time stamps that are no versions: µs, rising with each call, and moved on past what others have written, so
 * that a clock that is behind theirs, or was set back, never writes below what is stored for ever. A hybrid logical clock
 * (Kulkarni et al., Logical Physical Clocks, 2014) whose counter is the microseconds.
 */
export class CassandraClock {
  #us = 0;

  now(): number {
    this.#us = Math.max(this.#us + 1, Date.now() * 1000);
    return this.#us;
  }

  /** A time stamp that is in the store: what `now` says from here on is above it. */
  saw(stampUs: number): void {
    this.#us = Math.max(this.#us, stampUs);
  }
}
