import React from 'react';
import { css, cx } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { ExactNumber } from '../ExactNumber';
import { withDecimals } from '../exact_text';
import type { BookColors, ColumnLook } from './look';
import type { BookModel, LadderRow, Side } from './model';

export const LADDER_ROW_PX = 20;

/** Room for the columns' titles. */
const MIN_COLUMN_CHARS = 9;

export type LadderProps = {
  model: BookModel;
  /** Bids and asks beside each other in place of one above the other. */
  sideBySide: boolean;
  colors: BookColors;
  price?: ColumnLook;
  quantity?: ColumnLook;
  /** The line between asks and bids. */
  spread: React.ReactNode;
  label: string;
};

/** The book's levels as text: price, quantity, running total, and a bar of the total. */
export function Ladder(props: LadderProps) {
  const { model, sideBySide, spread, label } = props;
  const styles = useStyles2(getStyles);
  if (sideBySide) {
    return (
      <div className={styles.beside}>
        <div className={styles.spreadAbove}>{spread}</div>
        <table className={styles.table} aria-label={`${label}, bids`}>
          <Head {...props} />
          <Rows {...props} side="bid" rows={model.bids} />
        </table>
        <table className={styles.table} aria-label={`${label}, asks`}>
          <Head {...props} />
          <Rows {...props} side="ask" rows={model.asks} />
        </table>
      </div>
    );
  }
  return (
    <table className={styles.table} aria-label={label}>
      <Head {...props} />
      <Rows {...props} side="ask" rows={[...model.asks].reverse()} />
      <tbody>
        <tr>
          <td colSpan={3} className={styles.spread}>
            {spread}
          </td>
        </tr>
      </tbody>
      <Rows {...props} side="bid" rows={model.bids} />
    </table>
  );
}

function Head({ model, price, quantity }: LadderProps) {
  const styles = useStyles2(getStyles);
  const shares = columnShares(model, price, quantity);
  const unit = (look: ColumnLook | undefined) => (look?.unit === undefined ? '' : ` (${look.unit})`);
  return (
    <thead>
      <tr className={styles.row}>
        <th scope="col" style={{ width: shares[0] }}>{`${price?.title ?? 'Price'}${unit(price)}`}</th>
        <th scope="col" style={{ width: shares[1] }}>{`${quantity?.title ?? 'Quantity'}${unit(quantity)}`}</th>
        <th scope="col">Total</th>
      </tr>
    </thead>
  );
}

/** Widths of the columns by the longest text of each, so that the price is not cut while another column has room. */
function columnShares({ bids, asks }: BookModel, price?: ColumnLook, quantity?: ColumnLook): string[] {
  const most = [MIN_COLUMN_CHARS, MIN_COLUMN_CHARS, MIN_COLUMN_CHARS];
  for (const row of [...bids, ...asks]) {
    const texts = [withDecimals(row.price, price?.decimals), withDecimals(row.quantity, quantity?.decimals), withDecimals(row.total, quantity?.decimals)];
    texts.forEach((text, at) => (most[at] = Math.max(most[at], text.length)));
  }
  const all = most[0] + most[1] + most[2];
  return most.map((chars) => `${((chars / all) * 100).toFixed(1)}%`);
}

function Rows(props: LadderProps & { side: Side; rows: readonly LadderRow[] }) {
  const { model, side, rows, colors, price, quantity } = props;
  const styles = useStyles2(getStyles);
  return (
    <tbody aria-label={side === 'bid' ? 'Bids' : 'Asks'}>
      {rows.map((row) => {
        const share = (row.share / model.most) * 100;
        return (
          <tr
            key={row.price}
            className={cx(styles.row, styles.level)}
            style={{ backgroundImage: `linear-gradient(${colors[side].bar}, ${colors[side].bar})`, backgroundSize: `${share.toFixed(1)}% 100%` }}
          >
            <td style={{ color: price?.colorOf?.(row.price) ?? colors[side].text }}>
              <ExactNumber text={row.price} decimals={price?.decimals} />
            </td>
            <td style={{ color: quantity?.colorOf?.(row.quantity) }}>
              <ExactNumber text={row.quantity} decimals={quantity?.decimals} />
            </td>
            <td className={styles.total}>
              <ExactNumber text={row.total} decimals={quantity?.decimals} />
            </td>
          </tr>
        );
      })}
    </tbody>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  beside: css({
    alignItems: 'start',
    columnGap: theme.spacing(2),
    display: 'grid',
    gridTemplateColumns: '1fr 1fr',
  }),
  spreadAbove: css({ gridColumn: '1 / -1', lineHeight: `${LADDER_ROW_PX + 6}px` }),
  table: css({
    borderCollapse: 'collapse',
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
    tableLayout: 'fixed',
    width: '100%',
  }),
  row: css({
    height: LADDER_ROW_PX,
    lineHeight: `${LADDER_ROW_PX}px`,
    '& > *': {
      overflow: 'hidden',
      padding: theme.spacing(0, 0.5),
      textAlign: 'right',
      textOverflow: 'ellipsis',
      whiteSpace: 'nowrap',
    },
    '& > th': { color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightRegular },
  }),
  level: css({ backgroundPosition: 'right', backgroundRepeat: 'no-repeat' }),
  total: css({ color: theme.colors.text.secondary }),
  spread: css({
    borderBottom: `1px solid ${theme.colors.border.weak}`,
    borderTop: `1px solid ${theme.colors.border.weak}`,
    height: LADDER_ROW_PX + 6,
    padding: theme.spacing(0, 0.5),
  }),
});
