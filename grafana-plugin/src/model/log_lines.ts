import type { LogLevel, LogLine } from '../api/types';

/** Levels, lowest first. */
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Lines kept while a page shows a log (I10). */
export const LINES_KEPT = 2000;

/**
 * Adds lines to those that are kept, in order of their sequence, each once; the oldest go when there are too many. The same
 * array when nothing is new.
 */
export function addLines(kept: readonly LogLine[], more: readonly LogLine[], most = LINES_KEPT): readonly LogLine[] {
  const last = kept.at(-1)?.sequence ?? -Infinity;
  const fresh = more.filter((line) => line.sequence > last).sort((a, b) => a.sequence - b.sequence);
  if (fresh.length === 0) {
    return kept;
  }
  return [...kept, ...fresh.filter((line, index) => line.sequence !== fresh[index - 1]?.sequence)].slice(-most);
}

/** The lines of at least `level` whose message, module or fields hold `text`, whatever its case. */
export function filterLines(lines: readonly LogLine[], filter: { level: LogLevel; text: string }): LogLine[] {
  const least = LOG_LEVELS.indexOf(filter.level);
  const wanted = filter.text.trim().toLowerCase();
  return lines.filter(
    (line) =>
      LOG_LEVELS.indexOf(line.level) >= least &&
      (wanted === '' || `${line.message} ${fieldsText(line)}`.toLowerCase().includes(wanted))
  );
}

/** A line's fields as `name=value`, values as JSON. */
export function fieldsText(line: Pick<LogLine, 'fields'>): string {
  return Object.entries(line.fields ?? {})
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
