import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { countTrades, type TapeBuffer, type TapeEntry } from './model';
import { TapeRows, type TapeLook } from './tape_rows';
import { scrollToRow, TAPE_ROW_PX, type PauseReason } from './tape_window';

export type TapeState = {
  paused: ReadonlySet<PauseReason>;
  /** Trades shown, the lines that they and what is missing between them take, and how many trades came while paused. */
  shown: number;
  lines: number;
  waiting: number;
};

const NONE: TapeState = { paused: new Set(), shown: 0, lines: 0, waiting: 0 };
/** The figures beside the tape are for reading: a few times a second is enough, and React stays out of the frames. */
const FIGURES_MS = 250;

/**
 * Draws the buffer's trades into `list` at most once an animation frame, and not at all while paused or hidden. `box` is for the
 * scrolling element, `list` for the element within it that holds the rows.
 */
export function useTape(buffer: TapeBuffer, look: TapeLook) {
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<TapeState>(NONE);
  const reasons = useRef(new Set<PauseReason>());
  const frozen = useRef<{ trades: readonly TapeEntry[]; total: number; epoch: number } | undefined>(undefined);
  const scheduled = useRef(0);
  const figures = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const rows = useRef<TapeRows | undefined>(undefined);
  const current = useRef({ buffer, look });
  useLayoutEffect(() => {
    current.current = { buffer, look };
  });

  const tellFigures = useCallback(() => {
    figures.current ??= setTimeout(() => {
      figures.current = undefined;
      const { buffer } = current.current;
      const lines = frozen.current?.trades ?? buffer.shown;
      setState({
        paused: new Set(reasons.current),
        shown: countTrades(lines),
        lines: lines.length,
        waiting: frozen.current === undefined ? 0 : buffer.total - frozen.current.total,
      });
    }, FIGURES_MS);
  }, []);

  const draw = useCallback(() => {
    scheduled.current = 0;
    if (box.current === null || list.current === null) {
      return;
    }
    rows.current ??= new TapeRows(list.current);
    const trades = frozen.current?.trades ?? current.current.buffer.shown;
    rows.current.draw(trades, box.current.scrollTop, box.current.clientHeight, current.current.look);
    tellFigures();
  }, [tellFigures]);

  const schedule = useCallback(() => {
    if (scheduled.current === 0) {
      scheduled.current = requestAnimationFrame(draw);
    }
  }, [draw]);

  const pause = useCallback(
    (reason: PauseReason, on: boolean) => {
      if (reasons.current.has(reason) === on) {
        return;
      }
      if (on) {
        reasons.current.add(reason);
      } else {
        reasons.current.delete(reason);
      }
      const { buffer } = current.current;
      if (reasons.current.size === 0) {
        frozen.current = undefined;
      } else {
        frozen.current ??= freeze(buffer);
      }
      setState((before) => ({ ...before, paused: new Set(reasons.current) }));
      schedule();
    },
    [schedule]
  );

  const stepping = useRef(false);
  /** Goes to the row above or below; the tape stands still until the focus leaves the rows. */
  const stepRow = useCallback(
    (step: 1 | -1) => {
      if (box.current === null || rows.current === undefined) {
        return;
      }
      pause('row', true);
      const { length } = frozen.current?.trades ?? current.current.buffer.shown;
      const now = rows.current.focused();
      const first = Math.ceil(box.current.scrollTop / TAPE_ROW_PX);
      const next = Math.max(0, Math.min(length - 1, now === undefined ? first : now + step));
      // Drawing moves elements, and one that is moved loses the focus for a moment.
      stepping.current = true;
      box.current.scrollTop = scrollToRow(next, box.current);
      draw();
      rows.current.focus(next);
      stepping.current = false;
    },
    [pause, draw]
  );
  const leaveRows = useCallback(() => {
    if (!stepping.current) {
      pause('row', false);
    }
  }, [pause]);

  useEffect(() => {
    const changed = () => {
      // Another filter or question while paused: the rows that stand still are chosen anew.
      const other = frozen.current !== undefined && frozen.current.epoch !== buffer.epoch;
      if (other) {
        frozen.current = freeze(buffer);
      }
      if (other || frozen.current === undefined) {
        schedule();
      } else {
        tellFigures();
      }
    };
    schedule();
    return buffer.subscribe(changed);
  }, [buffer, schedule, tellFigures]);

  useEffect(schedule, [look, schedule]);

  useEffect(() => {
    const size = new ResizeObserver(schedule);
    if (box.current !== null) {
      size.observe(box.current);
    }
    return () => {
      size.disconnect();
      cancelAnimationFrame(scheduled.current);
      scheduled.current = 0;
      clearTimeout(figures.current);
      figures.current = undefined;
    };
  }, [schedule]);

  return { box, list, state, pause, schedule, stepRow, leaveRows };
}

function freeze(buffer: TapeBuffer) {
  return { trades: buffer.shown.slice(), total: buffer.total, epoch: buffer.epoch };
}
