import React, { useCallback, useEffect, useState } from 'react';
import { useParams } from 'react-router';
import { locationService } from '@grafana/runtime';
import { LoadingPlaceholder, RadioButtonGroup } from '@grafana/ui';
import { MarketBars } from '../components/charts/MarketBars';
import { useApp } from '../components/App/AppContext';
import { useReading } from '../components/App/hooks';
import { PageFrame } from '../components/App/PageFrame';
import { SymbolPicker } from '../components/market/SymbolPicker';
import { SymbolView } from '../components/market/SymbolView';
import { Nothing } from '../components/parts/Figures';
import { ProblemAlert } from '../components/parts/ProblemAlert';
import { Section } from '../components/parts/Section';
import { BASE_URL, ROUTES } from '../constants';
import { pathOf } from '../model/address';
import { RANKINGS, tickerBars, type Ranking } from '../model/ticker_bars';

/** Statistics of 24 h move slowly, and ranking them is a question to the whole market. */
const RANKING_MS = 5000;

/** The market: the largest symbols, and one of them in depth. The symbol is in the address. */
export function MarketPage() {
  const { symbol } = useParams();
  return (
    <PageFrame
      of={symbol}
      subTitle="The most traded markets, and one of them in depth, live"
      actions={<SymbolPicker symbol={symbol} />}
    >
      <Market symbol={symbol} />
    </PageFrame>
  );
}

function Market({ symbol }: { symbol: string | undefined }) {
  const { api } = useApp();
  const [ranking, setRanking] = useState<Ranking>('quote_volume_usdt');
  const read = useCallback((signal: AbortSignal) => api.tickers({ limit: 10, orderBy: ranking }, { signal }), [api, ranking]);
  const reading = useReading(read, RANKING_MS);
  const tickers = reading.data?.rows;
  const bars = tickers === undefined ? [] : tickerBars(tickers, ranking);
  const first = tickers?.[0]?.symbol;
  const chosen = symbol ?? first;
  useEffect(() => {
    if (symbol === undefined && first !== undefined) {
      // The first choice is no step in the reader's history.
      locationService.replace(`${BASE_URL}/${ROUTES.market}/${pathOf(first)}`);
    }
  }, [symbol, first]);
  const { label, note } = RANKINGS.find(({ value }) => value === ranking)!;
  return (
    <>
      <ProblemAlert problem={reading.problem} onRetry={reading.reload} />
      <SymbolView
        symbol={chosen}
        ticker={tickers?.find((ticker) => ticker.symbol === chosen)}
        top={
          <Section
            title="Top 10 most traded"
            note={note}
            actions={
              <RadioButtonGroup
                size="sm"
                aria-label="Ranked by"
                options={RANKINGS.map(({ value, label, help }) => ({ value, label, description: help }))}
                value={ranking}
                onChange={setRanking}
              />
            }
          >
            {tickers === undefined && reading.loading && <LoadingPlaceholder text="Reading the market" />}
            {tickers?.length === 0 && <Nothing title="No markets yet">24 h statistics arrive with the first poll.</Nothing>}
            {bars.length > 0 && (
              <MarketBars
                bars={bars}
                chosen={chosen}
                unit={ranking === 'volume' ? 'of the base asset' : 'USDT'}
                label={`Ten largest markets by ${label}, 24 h`}
                onChoose={chooseSymbol}
              />
            )}
          </Section>
        }
      />
    </>
  );
}

function chooseSymbol(symbol: string): void {
  locationService.push(`${BASE_URL}/${ROUTES.market}/${pathOf(symbol)}`);
}
