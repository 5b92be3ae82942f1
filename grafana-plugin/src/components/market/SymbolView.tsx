import { css } from '@emotion/css';
import React, { memo, useMemo, useState, type ReactNode } from 'react';
import type { GrafanaTheme2 } from '@grafana/data';
import { LoadingPlaceholder, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { utc } from '../../../../runtime/console/format.js';
import type { Ticker, WindowLength } from '../../api/types';
import { EVERY_TRADE } from '../../model/market_state';
import { countBars, countBarsOfCandles, WINDOW_MS } from '../../model/trade_counts';
import { bookOfRow } from '../../panels/orderbook/model';
import { OrderBookView } from '../../panels/orderbook/OrderBookView';
import { lineageLink } from '../../panels/tradetape/lineage_link';
import { TapeView } from '../../panels/tradetape/TapeView';
import { useApp } from '../App/AppContext';
import { useStore, useWidth } from '../App/hooks';
import { CandleChart } from '../charts/CandleChart';
import { CountChart } from '../charts/CountChart';
import { Nothing } from '../parts/Figures';
import { ProblemAlert } from '../parts/ProblemAlert';
import { Section } from '../parts/Section';
import { PriceLine } from './PriceLine';
import { useMarket, type Market } from './useMarket';

const DEPTH_HEIGHT = 240;
const LADDER_HEIGHT = 460;
const TAPE_HEIGHT = 775;
/** Levels a side: as many as the ladder's height holds beside each other. */
const LEVELS = 20;
/** Columns of the trade counts. */
const BARS = 120;

// The page renders with each frame that brings a price; the tape and the book draw by themselves or when they changed.
const Tape = memo(TapeView);
const Book = memo(OrderBookView);

type Props = { symbol: string | undefined; ticker: Ticker | undefined; top: ReactNode };

/** One symbol in depth beside the ranking (`top`): price and candles, trade counts, order book, tape. */
export function SymbolView({ symbol, ticker, top }: Props) {
  const styles = useStyles2(getStyles);
  if (symbol === undefined) {
    return (
      <div className={styles.columns}>
        <div className={styles.ranking}>{top}</div>
      </div>
    );
  }
  return (
    <div className={styles.columns}>
      <SymbolParts key={symbol} symbol={symbol} ticker={ticker} top={top} />
    </div>
  );
}

function SymbolParts({ symbol, ticker, top }: Props & { symbol: string }) {
  const styles = useStyles2(getStyles);
  const { marked } = useApp();
  const mark = useStore(marked);
  const [length, setLength] = useState<WindowLength>('1m');
  const market = useMarket(symbol, length);
  const origin = { simulated: mark?.simulated === true, label: mark?.origin?.label ?? null };
  return (
    <>
      <div className={styles.ranking}>{top}</div>
      <div className={styles.wide}>
        <ProblemAlert problem={market.problem} onRetry={market.reload} />
        <Section title={`${symbol}, 1 minute`} note={<PriceLine view={market.view} ticker={ticker} />}>
          {market.view.candles.length > 0 ? (
            <CandleChart candles={market.view.candles} label={`Candles of ${symbol}`} />
          ) : (
            <Empty market={market} what="candles" />
          )}
        </Section>
        <CountSection market={market} symbol={symbol} length={length} onLength={setLength} />
        <Section title="Depth">
          <BookPart market={market} origin={origin} show="depth" height={DEPTH_HEIGHT} />
        </Section>
        <Section title="Order book">
          <BookPart market={market} origin={origin} show="ladder" height={LADDER_HEIGHT} />
        </Section>
      </div>
      <div className={styles.tape}>
        <Section title="Trades">
          <Tape
            buffer={market.state.tape}
            filter={EVERY_TRADE}
            height={TAPE_HEIGHT}
            simulated={origin.simulated}
            originLabel={origin.label}
            linkOf={lineageLink}
          />
        </Section>
      </div>
    </>
  );
}

function CountSection(props: { market: Market; symbol: string; length: WindowLength; onLength: (length: WindowLength) => void }) {
  const { market, length } = props;
  const byCandles = length === '1m';
  const rows = market.view.windows[length];
  const { candles } = market.view;
  const bars = useMemo(
    () =>
      byCandles
        ? countBarsOfCandles(candles, BARS)
        : countBars(rows, { lengthMs: WINDOW_MS[length], most: BARS, streamBegan: market.began ?? null }),
    [byCandles, candles, rows, length, market.began]
  );
  return (
    <Section
      title={length === '1m' ? 'Trade counts a minute' : `Trade counts, windows of ${length}`}
      note={!byCandles && typeof market.began === 'number' ? `Pale: partial; complete from ${utc(market.began)} UTC` : 'Pale: still open'}
      actions={
        <RadioButtonGroup
          size="sm"
          aria-label="Window length"
          options={(Object.keys(WINDOW_MS) as WindowLength[]).map((value) => ({ value, label: value }))}
          value={length}
          onChange={props.onLength}
        />
      }
    >
      {bars.length > 0 ? (
        <CountChart bars={bars} lengthMs={WINDOW_MS[length]} label={`Trades of ${props.symbol} in windows of ${length}`} />
      ) : (
        <Empty market={market} what="windows" />
      )}
    </Section>
  );
}

function BookPart(props: {
  market: Market;
  origin: { simulated: boolean; label: string | null };
  show: 'depth' | 'ladder';
  height: number;
}) {
  const { market, origin, show, height } = props;
  const [place, width] = useWidth();
  const { book } = market.view;
  const { simulated, label } = origin;
  const source = useMemo(() => (book ? bookOfRow(book, { simulated, label }) : undefined), [book, simulated, label]);
  if (source === undefined) {
    return <Empty market={market} what="order book" />;
  }
  if ('problem' in source) {
    return <Nothing title="The book cannot be read">{source.problem}</Nothing>;
  }
  return (
    <div ref={place} style={{ minWidth: 0, width: '100%', height }}>
      {width > 0 && <Book book={source} show={show} width={width} height={height} levels={LEVELS} />}
    </div>
  );
}

function Empty({ market, what }: { market: Market; what: string }) {
  if (market.loading) {
    return <LoadingPlaceholder text={`Reading ${what}`} />;
  }
  return market.problem === undefined ? (
    <Nothing title={`No ${what}`}>Candles, windows, trades and books are kept for the configured symbols only.</Nothing>
  ) : null;
}

const getStyles = (theme: GrafanaTheme2) => ({
  columns: css({
    display: 'grid',
    gridTemplateAreas: '"ranking wide" "tape wide"',
    gridTemplateColumns: 'minmax(300px, 1fr) minmax(0, 2.4fr)',
    gridTemplateRows: 'auto 1fr',
    gap: theme.spacing(2),
    alignItems: 'start',
    [theme.breakpoints.down('lg')]: {
      gridTemplateAreas: '"ranking" "wide" "tape"',
      gridTemplateColumns: 'minmax(0, 1fr)',
      gridTemplateRows: 'auto',
    },
  }),
  ranking: css({ gridArea: 'ranking', minWidth: 0 }),
  tape: css({ gridArea: 'tape', minWidth: 0 }),
  wide: css({ gridArea: 'wide', display: 'flex', flexDirection: 'column', gap: theme.spacing(2), minWidth: 0 }),
});
