/** Geometry of the cumulative depth curve. Pure; doubles, for this is a picture: the ladder beside it has the text. */
import type { DepthStep, Side } from './model.ts';

export type DepthPaths = {
  bids: string;
  asks: string;
  /** x of the mid price. */
  midX: number;
  mid: number;
  /** Price at the left and the right edge. */
  low: number;
  high: number;
  /** Running total at the top edge. */
  most: number;
  width: number;
};

type Curve = { bids: readonly DepthStep[]; asks: readonly DepthStep[] };

/**
 * Two staircases that leave the mid price, both over the same distance of price, so that a thin side looks thin.
 * Undefined when there is no level.
 */
export function depthPaths(curve: Curve, size: { width: number; height: number }): DepthPaths | undefined {
  const bid = curve.bids[0]?.price;
  const ask = curve.asks[0]?.price;
  const mid = bid !== undefined && ask !== undefined ? (bid + ask) / 2 : (bid ?? ask);
  if (mid === undefined) {
    return undefined;
  }
  const last = (steps: readonly DepthStep[]) => steps[steps.length - 1];
  const reach = Math.max(mid - (last(curve.bids)?.price ?? mid), (last(curve.asks)?.price ?? mid) - mid, Math.abs(mid) * 1e-9, Number.MIN_VALUE);
  const most = Math.max(last(curve.bids)?.total ?? 0, last(curve.asks)?.total ?? 0, Number.MIN_VALUE);
  const { width, height } = size;
  const x = (price: number) => clamp(((price - mid) / reach + 1) * (width / 2), 0, width);
  const y = (total: number) => height - (total / most) * (height - 2);
  const stairs = (steps: readonly DepthStep[], edge: number) => {
    if (steps.length === 0) {
      return '';
    }
    let path = `M${x(steps[0].price).toFixed(1)} ${height}`;
    for (const step of steps) {
      path += `H${x(step.price).toFixed(1)}V${y(step.total).toFixed(1)}`;
    }
    return `${path}H${edge}V${height}Z`;
  };
  return {
    bids: stairs(curve.bids, 0),
    asks: stairs(curve.asks, width),
    midX: width / 2,
    mid,
    low: mid - reach,
    high: mid + reach,
    most,
    width,
  };
}

/** The step that holds at `x`: how much there is to fill an order down (or up) to that price. Undefined inside the spread. */
export function nearestStep(curve: Curve, paths: DepthPaths, x: number): (DepthStep & { side: Side }) | undefined {
  const price = paths.low + (x / paths.width) * (paths.high - paths.low);
  const side: Side = price <= paths.mid ? 'bid' : 'ask';
  const steps = side === 'bid' ? curve.bids : curve.asks;
  let found: DepthStep | undefined;
  for (const step of steps) {
    if (side === 'bid' ? step.price < price : step.price > price) {
      break;
    }
    found = step;
  }
  return found === undefined ? undefined : { ...found, side };
}

/** The step at `level`, counted from the lowest bid to the highest ask; the last one when there are fewer. */
export function stepAt(curve: Curve, level: number): (DepthStep & { side: Side }) | undefined {
  const { bids, asks } = curve;
  const at = Math.max(0, Math.min(bids.length + asks.length - 1, level));
  const [step, side] = at < bids.length ? ([bids[bids.length - 1 - at], 'bid'] as const) : ([asks[at - bids.length], 'ask'] as const);
  return step === undefined ? undefined : { ...step, side };
}

/** Where a step's price is, px. */
export function stepX(paths: DepthPaths, step: DepthStep): number {
  return clamp(((step.price - paths.low) / (paths.high - paths.low)) * paths.width, 0, paths.width);
}

function clamp(value: number, low: number, high: number): number {
  return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : low;
}
