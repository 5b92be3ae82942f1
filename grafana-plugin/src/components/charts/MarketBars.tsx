import { css, cx } from '@emotion/css';
import React from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { shortDecimal } from '../../../../runtime/console/format.js';
import type { TickerBar } from '../../model/ticker_bars';
import { Change, Decimal } from '../parts/Figures';

/** The largest markets as horizontal bars; each is a button that chooses its symbol. */
export function MarketBars(props: {
  bars: readonly TickerBar[];
  chosen: string | undefined;
  unit: string;
  label: string;
  onChoose: (symbol: string) => void;
}) {
  const styles = useStyles2(getStyles);
  return (
    <ol className={styles.list} aria-label={props.label}>
      {props.bars.map((bar, index) => (
        <li key={bar.symbol} data-symbol={bar.symbol} data-volume={bar.volume ?? ''}>
          <button
            type="button"
            aria-pressed={bar.symbol === props.chosen}
            className={cx(styles.row, bar.symbol === props.chosen && styles.chosen)}
            title={`${bar.symbol}: ${bar.volume ?? 'unknown'} ${props.unit} in 24 h`}
            onClick={() => props.onChoose(bar.symbol)}
          >
            <span className={styles.rank}>{index + 1}</span>
            <span className={styles.symbol}>{bar.symbol}</span>
            <span className={styles.volume}>{bar.volume === null ? 'unknown' : shortDecimal(bar.volume)}</span>
            <span className={styles.track} aria-hidden="true">
              <span className={styles.bar} style={{ width: `${(bar.share * 100).toFixed(2)}%` }} />
            </span>
            <span className={styles.sub}>
              <Decimal text={bar.ticker.last_price} />
              <Change percent={bar.ticker.price_change_percent} />
            </span>
          </button>
        </li>
      ))}
    </ol>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({
    listStyle: 'none',
    margin: 0,
    padding: 0,
    display: 'flex',
    flexDirection: 'column',
    // A narrow page has one column: the ranking is to leave the chart in view.
    [theme.breakpoints.down('lg')]: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(210px, 1fr))' },
  }),
  row: css({
    display: 'grid',
    gridTemplateColumns: '1.6em minmax(0, 1fr) auto',
    columnGap: theme.spacing(1),
    width: '100%',
    padding: theme.spacing(0.5, 1),
    border: 'none',
    borderRadius: theme.shape.radius.default,
    background: 'transparent',
    color: theme.colors.text.primary,
    textAlign: 'left',
    fontSize: theme.typography.bodySmall.fontSize,
    fontVariantNumeric: 'tabular-nums',
    '&:hover': { background: theme.colors.background.secondary },
    '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}` },
  }),
  // Grafana's shade of a selected row leaves the small texts below 4.5:1: a fainter one, and an edge.
  chosen: css({ background: theme.colors.background.secondary, boxShadow: `inset 3px 0 0 ${theme.colors.primary.border}` }),
  rank: css({ color: theme.colors.text.secondary, textAlign: 'right' }),
  symbol: css({ fontWeight: theme.typography.fontWeightMedium, overflow: 'hidden', textOverflow: 'ellipsis' }),
  volume: css({ textAlign: 'right' }),
  track: css({ gridColumn: '2 / 4', height: 6, background: theme.colors.border.weak, borderRadius: 3, margin: '3px 0' }),
  bar: css({ display: 'block', height: '100%', borderRadius: 3, background: theme.visualization.getColorByName('blue') }),
  sub: css({ gridColumn: '2 / 4', display: 'flex', justifyContent: 'space-between', color: theme.colors.text.secondary }),
});
