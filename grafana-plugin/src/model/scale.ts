/** Scales and ticks of the pages' charts. Doubles: for drawing only. Pure. */

/** Maps `domain` to `range` linearly; a domain without extent maps to the middle of the range. */
export function linearScale(domain: readonly [number, number], range: readonly [number, number]): (value: number) => number {
  const [d0, d1] = domain;
  const [r0, r1] = range;
  const extent = d1 - d0;
  return extent === 0 ? () => (r0 + r1) / 2 : (value) => r0 + ((value - d0) / extent) * (r1 - r0);
}

/** The distance of ticks: 1, 2 or 5 times a power of ten, so that about `count` fit into `extent`. */
export function niceStep(extent: number, count: number): number {
  if (!(extent > 0) || !(count > 0)) {
    return 1;
  }
  const rough = extent / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / power;
  return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
}

export type Tick = { value: number; label: string };

/** Ticks of a linear axis within `[low, high]`, labels with as many decimals as their step needs. */
export function valueTicks(low: number, high: number, count: number): Tick[] {
  if (!Number.isFinite(low) || !Number.isFinite(high) || high <= low) {
    return [];
  }
  const step = niceStep(high - low, count);
  const decimals = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const ticks: Tick[] = [];
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  for (let index = first; index <= last; index += 1) {
    const value = index * step;
    ticks.push({ value, label: value.toFixed(decimals).replace(/^-(0(?:\.0*)?)$/, '$1') });
  }
  return ticks;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIME_STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 28].map((n) => n * DAY),
];

/** Ticks of a time axis in UTC (epoch ms), at whole seconds, minutes, hours or days. */
export function timeTicks(from: number, until: number, count: number): Tick[] {
  if (!(until > from) || !(count > 0)) {
    return [];
  }
  const rough = (until - from) / count;
  const step = TIME_STEPS.find((candidate) => candidate >= rough) ?? Math.ceil(rough / (28 * DAY)) * 28 * DAY;
  const ticks: Tick[] = [];
  for (let value = Math.ceil(from / step) * step; value <= until; value += step) {
    const iso = new Date(value).toISOString();
    ticks.push({ value, label: step >= DAY ? iso.slice(5, 10) : step >= MINUTE ? iso.slice(11, 16) : iso.slice(11, 19) });
  }
  return ticks;
}
