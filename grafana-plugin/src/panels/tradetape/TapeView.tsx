import React, { useMemo } from 'react';
import { css } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2, useTheme2 } from '@grafana/ui';
import { isTime } from '../frame_reader';
import { SimulatedMark } from '../SimulatedMark';
import { zoneText } from '../zone_text';
import type { TapeBuffer, TapeTrade } from './model';
import type { TapeFilter } from './tape_filter';
import type { TapeLook } from './tape_rows';
import { TAPE_ROW_PX, pauseText } from './tape_window';
import { useTape } from './use_tape';

export type TapeViewProps = {
  /** Filled by its owner; the view listens. */
  buffer: TapeBuffer;
  /** The one the buffer was configured with; here it marks large trades. */
  filter: TapeFilter;
  height: number;
  simulated: boolean;
  originLabel?: string | null;
  showSymbol?: boolean;
  /** Default true. */
  pauseOnHover?: boolean;
  /** Names of colors; default green and red. */
  buyColor?: string;
  sellColor?: string;
  priceTitle?: string;
  quantityTitle?: string;
  priceDecimals?: number | null;
  quantityDecimals?: number | null;
  /** A time zone's name as Grafana has it. Default `utc`. */
  timeZone?: string;
  /** Where a trade's own page is; a row's time is a link to it. Stable (useCallback). */
  linkOf?: (trade: TapeTrade) => string;
  /** Said while there are no trades. */
  none?: string;
  /** Controls to the left of the pause button. */
  toolbar?: React.ReactNode;
};

const LIVE_NONE = 'No trades yet; they appear as they happen.';

/**
 * A live list of trades, newest at the top. It pauses under the pointer, by the key P or Space, and while it is scrolled down.
 * Plain props: the panel and the app's page use it.
 */
export function TapeView(props: TapeViewProps) {
  const { buffer, filter, showSymbol = false, pauseOnHover = true, timeZone = 'utc', priceDecimals, quantityDecimals, linkOf, none = LIVE_NONE } = props;
  const theme = useTheme2();
  const styles = useStyles2(getStyles, props.buyColor ?? 'green', props.sellColor ?? 'red', showSymbol);
  const look = useMemo<TapeLook>(
    () => ({
      classes: styles,
      filter,
      showSymbol,
      priceDecimals,
      quantityDecimals,
      clock: clockOf(timeZone),
      linkOf,
    }),
    // The theme makes new styles.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [theme, styles.row, styles.buy, styles.sell, filter, showSymbol, priceDecimals, quantityDecimals, timeZone, linkOf]
  );
  const { box, list, state, pause, schedule, stepRow, leaveRows } = useTape(buffer, look);
  const held = state.paused.has('key');
  const togglePause = () => pause('key', !held);
  return (
    <section className={styles.view} style={{ height: props.height }} aria-label="Trades">
      <div className={styles.head}>
        <SimulatedMark simulated={props.simulated} label={props.originLabel ?? null} />
        {props.toolbar}
        {/* Told when it stands still; a count that changes all the time would drown everything else. */}
        <span className={styles.status} role={state.paused.size > 0 ? 'status' : undefined}>
          {pauseText(state.paused, state.waiting) || `${state.shown} trades`}
        </span>
        <Button
          size="sm"
          variant="secondary"
          fill="text"
          icon={held ? 'play' : 'pause'}
          aria-pressed={held}
          aria-label={held ? 'Go on' : 'Pause'}
          tooltip={held ? 'Go on (P)' : 'Pause (P)'}
          onClick={togglePause}
        />
      </div>
      <div
        ref={box}
        className={styles.box}
        role="table"
        aria-label="Trades, newest first"
        aria-description={linkOf === undefined ? undefined : 'Arrow keys go from trade to trade, Enter opens its way through the pipeline'}
        aria-rowcount={state.lines + 1}
        // A scrolling box must be reached by keyboard.
        tabIndex={0}
        onScroll={(event) => {
          pause('scroll', event.currentTarget.scrollTop > TAPE_ROW_PX / 2);
          schedule();
        }}
        onPointerEnter={(event) => pauseOnHover && event.pointerType === 'mouse' && pause('hover', true)}
        onPointerLeave={() => pause('hover', false)}
        onKeyDown={(event) => {
          if (event.key === 'p' || event.key === 'P' || event.key === ' ') {
            event.preventDefault();
            togglePause();
          } else if (linkOf !== undefined && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
            event.preventDefault();
            stepRow(event.key === 'ArrowDown' ? 1 : -1);
          } else if (event.key === 'Escape' && event.target !== event.currentTarget) {
            event.currentTarget.focus();
          }
        }}
        onBlur={(event) => event.target !== event.currentTarget && leaveRows()}
      >
        <div role="row" aria-rowindex={1} className={styles.header}>
          <span role="columnheader" className={styles.cell}>
            Time {zoneText(undefined, timeZone)}
          </span>
          <span role="columnheader" className={styles.cell} hidden={!showSymbol}>
            Symbol
          </span>
          <span role="columnheader" className={styles.cell}>
            {props.priceTitle ?? 'Price'}
          </span>
          <span role="columnheader" className={styles.cell}>
            {props.quantityTitle ?? 'Quantity'}
          </span>
        </div>
        <div ref={list} role="rowgroup" className={styles.list} />
        {state.lines === 0 && <div className={styles.none}>{buffer.size > 0 ? 'No trade has the side and size chosen above.' : none}</div>}
      </div>
    </section>
  );
}

/** Formatting a time by zone is slow; a second's text is kept and the milliseconds are added to it. */
function clockOf(timeZone: string): (time: number) => string {
  let second = NaN;
  let text = '';
  return (time) => {
    if (!isTime(time)) {
      return '–';
    }
    const at = Math.floor(time / 1000);
    if (at !== second) {
      second = at;
      text = dateTimeFormat(at * 1000, { format: 'HH:mm:ss', timeZone });
    }
    return `${text}.${String(Math.floor(time - at * 1000)).padStart(3, '0')}`;
  };
}

const getStyles = (theme: GrafanaTheme2, buyColor: string, sellColor: string, showSymbol: boolean) => {
  const textColor = (name: string) =>
    name === 'green' ? theme.colors.success.text : name === 'red' ? theme.colors.error.text : theme.visualization.getColorByName(name);
  // By the characters that each holds: 12:00:00.000, ▲ 61967.74000000, 0.00048000.
  const columns = showSymbol ? '12fr 11fr 16fr 11fr' : '12fr 16fr 11fr';
  const line = {
    display: 'grid',
    gridTemplateColumns: columns,
    height: TAPE_ROW_PX,
    lineHeight: `${TAPE_ROW_PX}px`,
  };
  return {
    view: css({ display: 'flex', flexDirection: 'column', minHeight: 0 }),
    head: css({ alignItems: 'center', display: 'flex', flexShrink: 0, flexWrap: 'wrap', gap: theme.spacing(0.25, 1), minHeight: 28 }),
    status: css({
      color: theme.colors.text.secondary,
      fontSize: theme.typography.bodySmall.fontSize,
      fontVariantNumeric: 'tabular-nums',
      marginLeft: 'auto',
      whiteSpace: 'nowrap',
    }),
    box: css({
      contain: 'strict',
      flex: 1,
      fontFamily: theme.typography.fontFamilyMonospace,
      fontSize: theme.typography.bodySmall.fontSize,
      fontVariantNumeric: 'tabular-nums',
      minHeight: 0,
      overflow: 'auto',
      // Rows come at the top: the browser must not scroll along with them.
      overflowAnchor: 'none',
      position: 'relative',
      '&:focus-visible': { outline: `2px solid ${theme.colors.primary.border}`, outlineOffset: -2 },
    }),
    header: css(line, {
      background: theme.colors.background.primary,
      color: theme.colors.text.secondary,
      position: 'sticky',
      top: 0,
      zIndex: 1,
    }),
    list: css({ position: 'relative' }),
    row: css(line, {
      left: 0,
      position: 'absolute',
      right: 0,
      top: 0,
      '&[hidden]': { display: 'none' },
    }),
    cell: css({
      overflow: 'hidden',
      padding: theme.spacing(0, 0.5),
      textAlign: 'right',
      textOverflow: 'ellipsis',
      whiteSpace: 'pre',
      '&:first-of-type': { color: theme.colors.text.secondary, textAlign: 'left' },
      '&[hidden]': { display: 'none' },
      '& > a': { color: 'inherit' },
      '& > a[href]:hover': { textDecoration: 'underline' },
      '& > a:focus-visible': { outline: `2px solid ${theme.colors.primary.border}`, outlineOffset: -1 },
    }),
    buy: css({ '& > :nth-of-type(3)': { color: textColor(buyColor) } }),
    sell: css({ '& > :nth-of-type(3)': { color: textColor(sellColor) } }),
    large: css({ background: theme.colors.warning.transparent, fontWeight: theme.typography.fontWeightBold }),
    backfill: css({ fontStyle: 'italic' }),
    hole: css({
      '& > :first-of-type': { gridColumn: '1 / -1', textAlign: 'center', fontStyle: 'italic' },
      backgroundImage: `repeating-linear-gradient(135deg, transparent 0 6px, ${theme.colors.border.weak} 6px 7px)`,
    }),
    zeros: css({ color: theme.colors.text.secondary }),
    none: css({ color: theme.colors.text.secondary, padding: theme.spacing(2), textAlign: 'center' }),
  };
};
