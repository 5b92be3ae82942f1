/**
 * Where a key leads in a row of `length` things of which the one at `index` is chosen: arrows to its neighbours, Home and End to
 * the ends, Escape to none (null). Undefined for keys that mean nothing here. Pure.
 */
export function stepKey(key: string, index: number, length: number): number | null | undefined {
  const steps: Record<string, number> = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: length - 1 };
  if (key === 'Escape' || length === 0) {
    return key === 'Escape' || key in steps ? null : undefined;
  }
  return key in steps ? Math.max(0, Math.min(length - 1, steps[key])) : undefined;
}
