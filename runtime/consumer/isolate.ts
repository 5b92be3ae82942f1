/** What became of one item: it went through with the others of its group, or it is why a group failed. */
export type Isolated<R> = { ok: true; result: R } | { ok: false; error: unknown };

/**
 * Tries all items at once; when that fails by fault of an item, narrows down to the items at fault, and lets all others
 * through. `attempt` answers with one result an item and may be called with items that went through before in a larger
 * group that failed, so it must be idempotent. Errors for which `isPoison` is false reject the whole.
 *
 * When the left half of a group that failed goes through, the right half is known to fail and is not tried as a whole:
 * half as many failures, which matters where each one costs a process (about log2(n) / 2 for one bad item).
 */
export async function isolate<T, R>(
  items: readonly T[],
  attempt: (items: T[]) => Promise<R[]>,
  options: { isPoison: (error: unknown) => boolean },
): Promise<Isolated<R>[]> {
  const results: Isolated<R>[] = new Array(items.length);
  /** Undefined when the range went through. */
  const run = async (from: number, to: number): Promise<{ error: unknown } | undefined> => {
    try {
      const answers = await attempt(items.slice(from, to));
      for (let at = from; at < to; at++) results[at] = { ok: true, result: answers[at - from]! };
      return undefined;
    } catch (error) {
      if (!options.isPoison(error)) throw error;
      return { error };
    }
  };
  const search = async (from: number, to: number, failure: { error: unknown } | undefined): Promise<void> => {
    if (to <= from) return;
    if (to - from === 1) {
      failure ??= await run(from, to);
      if (failure !== undefined) results[from] = { ok: false, error: failure.error };
      return;
    }
    const middle = (from + to) >> 1;
    const left = await run(from, middle);
    if (left !== undefined) {
      await search(from, middle, left);
      const right = await run(middle, to);
      if (right !== undefined) await search(middle, to, right);
      return;
    }
    await search(middle, to, undefined);
  };
  const failure = await run(0, items.length);
  if (failure !== undefined) await search(0, items.length, failure);
  return results;
}
