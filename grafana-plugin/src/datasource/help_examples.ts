import { CQL_EXAMPLE } from './macros.ts';
import type { MarketQueryModel } from './query.ts';

/** Examples of the cheat sheet: each can be run as it is. Pure. */
export const EXAMPLES: Array<{ title: string; text: string; query: MarketQueryModel }> = [
  {
    title: 'The ten most traded markets',
    text: 'By volume converted to USDT, which is comparable across markets; the raw volume is not.',
    query: { kind: 'tickers', format: 'table', orderBy: 'quote_volume_usdt', limit: 10 },
  },
  {
    title: 'Prices as they happen',
    text: 'A time series that goes on by streaming: no refresh is needed.',
    query: { kind: 'prices', format: 'timeseries', symbols: ['BTCUSDT'], live: true },
  },
  {
    title: 'Number of trades a minute',
    text: 'From the candles; several symbols become several series.',
    query: { kind: 'klines', format: 'timeseries', symbols: ['ETHUSDT'], fields: ['number_of_trades'] },
  },
  {
    title: 'Candles',
    text: 'For the candlestick panel.',
    query: { kind: 'klines', format: 'candles', symbols: ['ETHUSDT'] },
  },
  {
    title: 'The order book, live',
    text: 'For the order book panel; 100 levels a side.',
    query: { kind: 'book', format: 'book', symbols: ['BTCUSDT'], limit: 100, live: true },
  },
  {
    title: 'The trade tape',
    text: 'For the trade tape panel.',
    query: { kind: 'trades', format: 'table', symbols: ['BTCUSDT'], limit: 1000, live: true },
  },
  {
    title: 'The pipeline',
    text: 'State, rate, lag and latency of every stage, for the pipeline panel.',
    query: { kind: 'pipeline', format: 'table', live: true },
  },
  {
    title: 'A SELECT of your own',
    text: 'Against Cassandra; macros bind the time range and the symbol.',
    query: { kind: 'cql', format: 'timeseries', symbols: ['ETHUSDT'], cql: CQL_EXAMPLE },
  },
];
