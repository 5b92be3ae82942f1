/** Joining levels of a book to steps of a tick size, exactly. Pure. */
import { addDecimal } from '../../../../runtime/console/decimal.js';
import { formatUnits, parseDecimal } from '../../../../runtime/market/decimal.ts';
import type { Level, Side } from './model.ts';

/** A tick size as decimal text above zero, or undefined when the text is none. */
export function parseTick(text: string | undefined): string | undefined {
  const trimmed = (text ?? '').trim();
  const value = parseDecimal(trimmed);
  return value !== undefined && value.units > 0n ? trimmed : undefined;
}

/**
 * Groups one side, best level first: a bid falls to the multiple of `tick` at or below it, an ask rises to the one at or above
 * it, so that no grouped level looks better than an order that is there. Quantities are summed exactly.
 */
export function groupLevels(levels: readonly Level[], side: Side, tick: string): Level[] {
  const step = parseDecimal(tick);
  if (step === undefined || step.units <= 0n) {
    return [...levels];
  }
  const grouped: Level[] = [];
  for (const [price, quantity] of levels) {
    const stepped = toTick(price, side, step);
    const last = grouped[grouped.length - 1];
    if (last !== undefined && last[0] === stepped) {
      grouped[grouped.length - 1] = [stepped, addDecimal(last[1], quantity) ?? last[1]];
    } else {
      grouped.push([stepped, quantity]);
    }
  }
  return grouped;
}

function toTick(price: string, side: Side, step: { units: bigint; scale: number }): string {
  const value = parseDecimal(price);
  if (value === undefined) {
    return price;
  }
  const scale = Math.max(value.scale, step.scale);
  const units = value.units * 10n ** BigInt(scale - value.scale);
  const size = step.units * 10n ** BigInt(scale - step.scale);
  const remainder = units % size;
  const down = remainder < 0n ? units - remainder - size : units - remainder;
  const stepped = side === 'ask' && down !== units ? down + size : down;
  return formatUnits(stepped / 10n ** BigInt(scale - step.scale), step.scale);
}
