-- The source of truth. Money and quantities are numeric without a fixed scale, so that the exchange's own text comes
-- back digit for digit (I9). Times are the exchange's. See runtime/market/table.ts for each column's meaning.

CREATE TABLE crypto_24h_stats (
  symbol text PRIMARY KEY,
  price_change_percent numeric NOT NULL,
  last_price numeric NOT NULL,
  high_price numeric NOT NULL,
  low_price numeric NOT NULL,
  volume numeric NOT NULL,
  quote_volume numeric NOT NULL,
  trade_count bigint NOT NULL,
  last_trade_id bigint NOT NULL,
  quote_asset text,
  updated_at timestamptz(3) NOT NULL,
  version bigint NOT NULL
);

CREATE TABLE latest_prices (
  symbol text NOT NULL,
  price numeric NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  last_trade_id bigint NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (symbol, updated_at)
) PARTITION BY RANGE (updated_at);

CREATE TABLE klines (
  symbol text NOT NULL,
  open_time timestamptz(3) NOT NULL,
  close_time timestamptz(3) NOT NULL,
  open_price numeric NOT NULL,
  high_price numeric NOT NULL,
  low_price numeric NOT NULL,
  close_price numeric NOT NULL,
  volume numeric NOT NULL,
  quote_volume numeric NOT NULL,
  number_of_trades integer NOT NULL,
  first_trade_id bigint NOT NULL,
  last_trade_id bigint NOT NULL,
  closed boolean NOT NULL,
  backfill boolean NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (symbol, open_time)
) PARTITION BY RANGE (open_time);

CREATE TABLE order_book (
  symbol text PRIMARY KEY,
  bids text NOT NULL,
  asks text NOT NULL,
  depth integer NOT NULL,
  last_update_id bigint NOT NULL,
  trusted boolean NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  version bigint NOT NULL
);

CREATE TABLE recent_trades (
  symbol text NOT NULL,
  trade_id bigint NOT NULL,
  price numeric NOT NULL,
  quantity numeric NOT NULL,
  trade_time timestamptz(3) NOT NULL,
  is_buyer_maker boolean NOT NULL,
  backfill boolean NOT NULL,
  PRIMARY KEY (symbol, trade_id, trade_time)
) PARTITION BY RANGE (trade_time);

CREATE TABLE completeness (
  symbol text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('trade', 'kline', 'book')),
  first_id bigint NOT NULL,
  last_id bigint NOT NULL,
  cause text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'refilled', 'lost')),
  detected_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (symbol, kind, first_id)
);

-- Where the numbers come from; one row (I8).
CREATE TABLE candlewire_origin (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  kind text NOT NULL,
  id text NOT NULL,
  label text NOT NULL
);

-- The newest epoch of each writer; a writer with an older one must not write.
CREATE TABLE candlewire_fence (
  writer text PRIMARY KEY,
  epoch bigint NOT NULL
);

-- Written on an interval, so that the slot's position moves while the market is quiet. One row.
CREATE TABLE candlewire_heartbeat (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  beat_at timestamptz(3) NOT NULL
);
