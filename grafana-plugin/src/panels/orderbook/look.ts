/** How a book's columns look: from the panel's options and the fields' overrides. */
import type { GrafanaTheme2 } from '@grafana/data';
import { hasThresholds, type FieldLike } from '../frame_reader';
import type { Side } from './model';

/** Overrides of one column. `decimals` hides or adds zeros only: a digit is never cut (I9). */
export type ColumnLook = {
  title?: string;
  unit?: string;
  decimals?: number | null;
  colorOf?: (text: string) => string | undefined;
};

export type BookColors = Record<Side, { text: string; bar: string; line: string }>;

/** Names of colors (`green`, `#1f60c4`) to the theme's tints. */
export function bookColors(theme: GrafanaTheme2, names: { bid?: string; ask?: string }): BookColors {
  const tint = (name: string) => {
    const line = theme.visualization.getColorByName(name);
    return { line, bar: withAlpha(line, 0.16), text: name === 'green' ? theme.colors.success.text : name === 'red' ? theme.colors.error.text : line };
  };
  return { bid: tint(names.bid ?? 'green'), ask: tint(names.ask ?? 'red') };
}

/** The overrides of a field; `units` is Grafana's name of a unit and is shown as it is, unless it only says "number". */
export function columnLook(field: FieldLike | undefined): ColumnLook | undefined {
  if (field === undefined) {
    return undefined;
  }
  const { displayName, unit, decimals } = field.config ?? {};
  return {
    title: displayName,
    unit: unit === undefined || unit === '' || unit === 'none' || unit === 'short' ? undefined : unit,
    decimals,
    colorOf: hasThresholds(field) ? (text) => field.display?.(Number(text)).color : undefined,
  };
}

/** `color-mix` for a theme's color in any notation. */
export function withAlpha(color: string, alpha: number): string {
  return `color-mix(in srgb, ${color} ${Math.round(alpha * 100)}%, transparent)`;
}
