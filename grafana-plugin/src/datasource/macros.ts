/** The macros of CQL, for help and completion. The backend expands them. Pure. */
export const MACROS: Array<{ macro: string; insert: string; what: string }> = [
  { macro: '$__timeFilter(column)', insert: '$__timeFilter(open_time)', what: 'column >= from AND column < to of the time range' },
  { macro: '$__timeFrom', insert: '$__timeFrom', what: 'Begin of the time range, a timestamp' },
  { macro: '$__timeTo', insert: '$__timeTo', what: 'End of the time range, a timestamp' },
  {
    macro: '$__timeGroup(column, interval)',
    insert: '$__timeGroup(open_time, 5m)',
    what: 'Groups rows by time; Cassandra cannot group by an expression, so the data source does it after reading',
  },
  { macro: '$__interval', insert: '$__interval', what: 'The panel’s interval, such as 30s' },
  { macro: '$__symbol', insert: '$__symbol', what: 'The symbol of this query, bound as a value' },
];

export const CQL_EXAMPLE = 'SELECT open_time, close_price, number_of_trades\nFROM klines\nWHERE symbol = $__symbol AND $__timeFilter(open_time)';
