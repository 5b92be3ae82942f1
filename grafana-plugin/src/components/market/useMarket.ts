import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { LiveEvent, WindowLength } from '../../api/types';
import { MarketState, type MarketView } from '../../model/market_state';
import type { Problem } from '../../model/problem';
import { streamBegan } from '../../model/trade_counts';
import { useApp } from '../App/AppContext';
import { asProblem, useLive } from '../App/hooks';

const CHANNELS = ['trades', 'klines', 'books', 'windows', 'tickers', 'prices'];
const CANDLES = 180;
const WINDOWS = 180;
/** The most candles that the producer fetches at its first start. */
const CANDLES_FETCHED = 1000;

export type Market = {
  state: MarketState;
  view: MarketView;
  problem: Problem | undefined;
  loading: boolean;
  /** From when on all trades are stored; null: always, undefined: not known. */
  began: number | null | undefined;
  reload: () => void;
};

/**
 * One symbol, read once and then told by the event stream. Events of one animation frame are drawn together; the tape draws by
 * itself and costs no rendering here.
 */
export function useMarket(symbol: string, windowLength: WindowLength): Market {
  const { api } = useApp();
  const state = useMemo(() => new MarketState(symbol), [symbol]);
  const [view, setView] = useState(() => state.view());
  const [status, setStatus] = useState<{ of: unknown; problem?: Problem; began?: number | null }>();
  const [round, setRound] = useState(0);
  const frame = useRef(0);
  const draw = useCallback(() => {
    if (frame.current === 0) {
      frame.current = requestAnimationFrame(() => {
        frame.current = 0;
        setView(state.view());
      });
    }
  }, [state]);
  useEffect(() => {
    draw();
    return () => {
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, [draw]);

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const read = async () => {
      try {
        const [trades, book, klines] = await Promise.all([
          api.trades({ symbol, limit: 200 }, { signal }),
          api.book(symbol, { signal }),
          api.klines({ symbol, limit: CANDLES }, { signal }),
        ]);
        state.addTrades(trades.rows);
        state.setBook(book.rows[0] ?? null);
        state.addCandles(klines.rows);
        draw();
        // The oldest candles tell when the stream began: of the time before it only some trades are stored.
        const oldest =
          klines.next === null
            ? [...klines.rows].reverse()
            : (await api.klines({ symbol, order: 'asc', limit: CANDLES_FETCHED + 1 }, { signal })).rows;
        setStatus({ of: state, began: streamBegan(oldest) });
      } catch (error) {
        if (!signal.aborted) {
          setStatus({ of: state, problem: asProblem(error) });
        }
      }
    };
    void read();
    return () => controller.abort();
  }, [api, symbol, state, draw, round]);

  useEffect(() => {
    const controller = new AbortController();
    api.aggregates({ symbol, window: windowLength, limit: WINDOWS }, { signal: controller.signal }).then(
      (page) => {
        state.addWindows(page.rows);
        draw();
      },
      (error) => {
        if (!controller.signal.aborted) {
          setStatus((last) => ({ ...last, of: state, problem: asProblem(error) }));
        }
      }
    );
    return () => controller.abort();
  }, [api, symbol, windowLength, state, draw, round]);

  const reload = useCallback(() => setRound((last) => last + 1), []);
  useLive(CHANNELS, symbol, {
    onEvent: (event: LiveEvent) => {
      state.apply(event);
      draw();
    },
    onGap: reload,
    onProblem: (_channel, problem) => setStatus((last) => ({ ...last, of: state, problem })),
  });
  const own = status?.of === state ? status : undefined;
  return { state, view, problem: own?.problem, loading: own === undefined, began: own?.began, reload };
}
