import React, { useMemo } from 'react';
import { css, cx } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { useStyles2, useTheme2 } from '@grafana/ui';
import { ExactNumber } from '../ExactNumber';
import { isTime } from '../frame_reader';
import { PanelMessage } from '../PanelMessage';
import { SimulatedMark } from '../SimulatedMark';
import { zoneText } from '../zone_text';
import { DepthCurve } from './DepthCurve';
import { Ladder } from './Ladder';
import { bookLayout } from './layout';
import { bookColors, type ColumnLook } from './look';
import { bookModel, type BookModel, type BookSource } from './model';
import { bookWarnings } from './warnings';

export type OrderBookViewProps = {
  book: BookSource;
  width: number;
  height: number;
  /** Levels a side in the ladder, fewer when they do not fit. Default 15. */
  levels?: number;
  /** Tick size to group by, decimal text; empty: as the exchange has it. */
  tick?: string;
  /** Default `both`. */
  show?: 'both' | 'ladder' | 'depth';
  /** Names of colors; default green and red. */
  bidColor?: string;
  askColor?: string;
  /** A spread above this many basis points is marked; undefined: never. */
  wideSpreadBp?: number;
  price?: ColumnLook;
  quantity?: ColumnLook;
  /** A time zone's name as Grafana has it. Default `utc`. */
  timeZone?: string;
};

/** One order book: what is wrong with it, depth curve, ladder, spread and mid. Plain props: the panel and the app's page use it. */
export function OrderBookView(props: OrderBookViewProps) {
  const { book, width, height, levels = 15, tick, show = 'both', timeZone = 'utc' } = props;
  const theme = useTheme2();
  const styles = useStyles2(getStyles);
  const colors = useMemo(() => bookColors(theme, { bid: props.bidColor, ask: props.askColor }), [theme, props.bidColor, props.askColor]);
  const { whole, warnings, layout, model } = useMemo(() => {
    const whole = bookModel(book, { levels: 1, tick });
    const warnings = bookWarnings(book, whole, tick);
    const layout = bookLayout({ width, height, levels, show, warnings: warnings.length });
    return { whole, warnings, layout, model: bookModel(book, { levels: layout.levels, tick }) };
  }, [book, width, height, levels, show, tick]);
  const label = `Order book of ${book.symbol || 'a market'}`;
  if (whole.shape === 'empty') {
    return (
      <PanelMessage kind="empty" title={`The book of ${book.symbol || 'this market'} is empty`}>
        {book.unread !== undefined && book.unread > 0
          ? `None of its ${book.unread} rows has a readable side, price and quantity.`
          : 'Books are kept for the configured symbols only; if it is one of them, look whether the pipeline is running.'}
      </PanelMessage>
    );
  }
  const bad = warnings.some((warning) => warning.tone === 'bad');
  return (
    <section className={styles.view} aria-label={label}>
      <div className={styles.head}>
        <strong>{book.symbol}</strong>
        <SimulatedMark simulated={book.simulated} label={book.originLabel} />
        <span className={styles.status}>{statusText(book, model, { timeZone, ladder: layout.ladder })}</span>
      </div>
      {warnings.map((warning) => (
        <div key={warning.title} title={warning.text} role={warning.tone === 'bad' ? 'alert' : 'note'} className={warning.tone === 'bad' ? styles.bad : styles.note}>
          <strong>{warning.title}</strong>: {warning.text}
        </div>
      ))}
      <div className={cx(layout.direction === 'row' ? styles.row : styles.column, bad && styles.distrusted)}>
        {layout.curve !== undefined && <DepthCurve model={model} colors={colors} label={label} {...layout.curve} />}
        {layout.ladder && (
          <div className={styles.ladder}>
            <Ladder
              model={model}
              colors={colors}
              sideBySide={layout.sideBySide}
              price={props.price}
              quantity={props.quantity}
              label={label}
              spread={<Spread model={model} wideBp={props.wideSpreadBp} />}
            />
          </div>
        )}
        {!layout.ladder && <Spread model={model} wideBp={props.wideSpreadBp} />}
      </div>
    </section>
  );
}

function Spread({ model, wideBp }: { model: BookModel; wideBp?: number }) {
  const styles = useStyles2(getStyles);
  if (model.spread === null || model.mid === null) {
    return <div className={styles.spread}>No spread: one side is empty</div>;
  }
  const wide = wideBp !== undefined && model.spreadBp !== null && model.spreadBp > wideBp;
  const bp = model.spreadBp === null ? '' : ` (${model.spreadBp.toFixed(Math.abs(model.spreadBp) < 1 ? 3 : 1)} bp)`;
  return (
    <div className={styles.spread}>
      <span>
        Mid <ExactNumber text={model.mid} />
      </span>
      <span className={wide ? styles.wide : undefined}>
        {wide ? 'Wide spread ' : 'Spread '}
        <ExactNumber text={model.spread} />
        {bp}
      </span>
    </div>
  );
}

function statusText(book: BookSource, model: BookModel, { timeZone, ladder }: { timeZone: string; ladder: boolean }): string {
  const parts = [];
  if (book.updatedAt !== null && isTime(book.updatedAt)) {
    parts.push(`${dateTimeFormat(book.updatedAt, { format: 'HH:mm:ss.SSS', timeZone })} ${zoneText(book.updatedAt, timeZone)}`);
  }
  if (book.lastUpdateId !== null) {
    parts.push(`update ${book.lastUpdateId}`);
  }
  const shown = Math.max(model.bids.length, model.asks.length);
  const there = Math.max(model.curve.bids.length, model.curve.asks.length);
  // The curve shows every level.
  parts.push(ladder && shown < there ? `${shown} of ${there} levels` : there === 1 ? '1 level' : `${there} levels`);
  if (model.tick !== null) {
    parts.push(`grouped by ${model.tick}`);
  }
  return parts.join(' · ');
}

const getStyles = (theme: GrafanaTheme2) => ({
  view: css({ display: 'flex', flexDirection: 'column', height: '100%', minHeight: 0, overflow: 'hidden' }),
  head: css({ alignItems: 'center', display: 'flex', flexShrink: 0, gap: theme.spacing(1), height: 24, overflow: 'hidden' }),
  status: css({
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    fontVariantNumeric: 'tabular-nums',
    marginLeft: 'auto',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
  }),
  bad: css({
    background: theme.colors.error.main,
    borderRadius: theme.shape.radius.default,
    color: theme.colors.error.contrastText,
    flexShrink: 0,
    lineHeight: '22px',
    marginBottom: 2,
    overflow: 'hidden',
    padding: theme.spacing(0, 1),
    textOverflow: 'ellipsis',
    // One line, for the layout counts it as one; the word that matters is the first.
    whiteSpace: 'nowrap',
  }),
  note: css({ color: theme.colors.warning.text, flexShrink: 0, fontSize: theme.typography.bodySmall.fontSize, lineHeight: '22px', marginBottom: 2, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }),
  column: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(0.5), minHeight: 0 }),
  row: css({ display: 'flex', flexDirection: 'row', gap: theme.spacing(2), minHeight: 0 }),
  ladder: css({ flex: 1, minWidth: 0 }),
  // Hatched: told apart from a sound book even where colors are not seen.
  distrusted: css({
    backgroundImage: `repeating-linear-gradient(135deg, transparent 0 10px, ${theme.colors.error.transparent} 10px 14px)`,
  }),
  spread: css({
    display: 'flex',
    fontSize: theme.typography.bodySmall.fontSize,
    gap: theme.spacing(2),
    justifyContent: 'space-between',
    whiteSpace: 'nowrap',
  }),
  wide: css({ color: theme.colors.warning.text, fontWeight: theme.typography.fontWeightBold }),
});
