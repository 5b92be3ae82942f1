import React from 'react';
import { css, cx } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { ExactNumber } from '../ExactNumber';
import type { BookColors, ColumnLook } from './look';
import type { BookModel, LadderRow, Side } from './model';

export const LADDER_ROW_PX = 20;

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

function Head({ price, quantity }: LadderProps) {
  const styles = useStyles2(getStyles);
  const unit = (look: ColumnLook | undefined) => (look?.unit === undefined ? '' : ` (${look.unit})`);
  return (
    <thead>
      <tr className={styles.row}>
        <th scope="col">{`${price?.title ?? 'Price'}${unit(price)}`}</th>
        <th scope="col">{`${quantity?.title ?? 'Quantity'}${unit(quantity)}`}</th>
        <th scope="col">Total</th>
      </tr>
    </thead>
  );
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
