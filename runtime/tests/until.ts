/**
 * What a look that is under way at the deadline may still take, ms, no longer than all before it: it may end well, as on a slow
 * machine, or never.
 */
const LAST_LOOK_MS = 30_000;

/**
 * Waits until `look` gives something. A look that throws is repeated. Rejects after `timeoutMs` with what was waited for, the
 * last look's error and what `explain` says, also when a look does not end: a test that hangs says where.
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => T | undefined | Promise<T | undefined>,
  explain: () => string | Promise<string> = () => "",
): Promise<T> {
  let error: unknown;
  const { found, hung } = await poll(timeoutMs, async () => {
    try {
      const found = await look();
      error = undefined;
      return found === false ? undefined : found;
    } catch (caught) {
      error = caught;
    }
  });
  if (found !== undefined) return found;
  const reason = hung ? " (the last look does not end)" : error === undefined ? "" : ` (${error})`;
  throw new Error(`Waited ${timeoutMs} ms for ${what}${reason}\n${await told(explain)}`);
}

/**
 * Waits until a condition holds. One that throws ends the wait with its error; after `timeoutMs` it rejects with `why`, also
 * when the condition does not answer.
 */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  why: string | (() => string | Promise<string>),
  timeoutMs = 20_000,
): Promise<void> {
  const { found, hung } = await poll(timeoutMs, async () => await condition() || undefined);
  if (found !== undefined) return;
  const reason = hung ? " (the last look does not end)" : "";
  throw new Error(`Not within ${timeoutMs} ms: ${typeof why === "string" ? why : await told(why)}${reason}`);
}

/** Looks again and again, at first every millisecond, until it finds something; `hung` when a look did not end. */
async function poll<T>(
  timeoutMs: number,
  look: () => Promise<T | undefined>,
): Promise<{ found?: T; hung?: boolean }> {
  const begun = performance.now();
  const alarm = Promise.withResolvers<"hung">();
  const timer = setTimeout(() => alarm.resolve("hung"), timeoutMs + Math.min(timeoutMs, LAST_LOOK_MS));
  try {
    while (true) {
      const result = await Promise.race([look().then((found) => ({ found })), alarm.promise]);
      if (result === "hung") return { hung: true };
      if (result.found !== undefined) return result;
      const passed = performance.now() - begun;
      if (passed > timeoutMs) return {};
      await new Promise((resolve) => setTimeout(resolve, Math.min(25, 1 + passed / 20)));
    }
  } finally {
    clearTimeout(timer);
  }
}

/** An explanation must not hide what it explains. */
async function told(explain: () => string | Promise<string>): Promise<string> {
  try {
    return await explain();
  } catch (error) {
    return `(no explanation: ${error})`;
  }
}
