/** Which rows of a long list are visible. Pure. */

export const TAPE_ROW_PX = 20;

/** Rows to draw, newest first: row `first` is at the top, `first + count` is below the last one. */
export type TapeWindow = {
  first: number;
  count: number;
  /** Height of the whole list, px. */
  height: number;
};

/** The window of a list of `length` rows scrolled by `scrollTop` in a box of `height` px, with a row more at either end. */
export function tapeWindow(length: number, scrollTop: number, height: number): TapeWindow {
  const most = Math.ceil(Math.max(0, height) / TAPE_ROW_PX) + 2;
  const first = Math.min(Math.max(0, Math.floor(scrollTop / TAPE_ROW_PX) - 1), Math.max(0, length - 1));
  return { first, count: Math.max(0, Math.min(most, length - first)), height: length * TAPE_ROW_PX };
}

/** Why the tape stands still; it goes on when there is no reason left. */
export type PauseReason = 'hover' | 'key' | 'row' | 'scroll';

/** Where to scroll to so that row `at` is seen below the header, which is as high as a row; `box` is the scrolling element. */
export function scrollToRow(at: number, box: { scrollTop: number; clientHeight: number }): number {
  const top = at * TAPE_ROW_PX;
  const lowest = top + 2 * TAPE_ROW_PX - box.clientHeight;
  return Math.max(0, Math.min(top, Math.max(lowest, box.scrollTop)));
}

/** The sentence beside the pause button. */
export function pauseText(reasons: ReadonlySet<PauseReason>, waiting: number): string {
  if (reasons.size === 0) {
    return '';
  }
  const held = waiting === 0 ? 'Paused' : `Paused, ${waiting} new`;
  return reasons.has('scroll') ? `${held}; scroll up to go on` : held;
}
