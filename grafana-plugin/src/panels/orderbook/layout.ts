/** Where curve and ladder go in the space there is. Pure. */

/** Heights in px, as the styles of the view have them. */
const HEAD = 24;
const WARNING = 24;
const ROW = 20;
const SPREAD = 28;
const GAP = 4;

export type BookLayout = {
  direction: 'row' | 'column';
  /** Undefined: no curve. */
  curve: { width: number; height: number } | undefined;
  ladder: boolean;
  sideBySide: boolean;
  /** Levels a side that fit, at least 1. */
  levels: number;
};

/**
 * A wide panel has the curve beside the ladder, a tall one above it; bids and asks stand beside each other when that
 * shows more levels and there is room for two tables.
 */
export function bookLayout(space: { width: number; height: number; levels: number; show: 'both' | 'ladder' | 'depth'; warnings: number }): BookLayout {
  const { width, levels, show } = space;
  const height = Math.max(ROW, space.height - HEAD - space.warnings * WARNING);
  if (show === 'depth') {
    return { direction: 'column', curve: { width, height: Math.max(40, height - SPREAD) }, ladder: false, sideBySide: false, levels: 1 };
  }
  const wide = width >= 640;
  const both = show === 'both' && (wide || height >= 200);
  const curve = !both
    ? undefined
    : wide
      ? { width: Math.floor(width * 0.45), height }
      : { width, height: Math.floor(Math.min(height * 0.35, 220)) };
  const ladderHeight = curve !== undefined && !wide ? height - curve.height - GAP : height;
  const ladderWidth = curve !== undefined && wide ? width - curve.width - 16 : width;
  const stacked = Math.floor((ladderHeight - ROW - SPREAD) / ROW / 2);
  const beside = Math.floor((ladderHeight - ROW - SPREAD) / ROW);
  const sideBySide = stacked < levels && ladderWidth >= 480;
  return {
    direction: wide ? 'row' : 'column',
    curve,
    ladder: true,
    sideBySide,
    levels: Math.max(1, Math.min(levels, sideBySide ? beside : stacked)),
  };
}
