-- The embedded profile's store: one SQLite file, one writer (the consumer), any number of readers (WAL). Columns are
-- those of runtime/market/table.ts. Money and quantities are TEXT, digit for digit the exchange's (I9); times are epoch
-- milliseconds; booleans are 0 or 1. WITHOUT ROWID keeps a row in one B-tree, which is what bulk upserts cost.
-- `version` guards every row (I2). Positions and dead letters live here because they commit with the rows (I1, I5).
--
-- There is no table of book levels: a stored book is read far less often than it is written, and 200 rows a book would
-- cost a hundred times the write. Levels are expanded on read (runtime/query/book_levels.ts); what needs no expansion
-- (best bid and ask, spread, mid) is stored by the transform `enrich`.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,          -- origin (JSON), epoch:<writer>, revision, note:<name>
  value TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE crypto_24h_stats (
  symbol TEXT PRIMARY KEY,
  price_change_percent TEXT NOT NULL,
  last_price TEXT NOT NULL,
  high_price TEXT NOT NULL,
  low_price TEXT NOT NULL,
  volume TEXT NOT NULL,
  quote_volume TEXT NOT NULL,
  trade_count INTEGER NOT NULL,
  last_trade_id INTEGER NOT NULL,
  quote_asset TEXT,
  updated_at INTEGER NOT NULL,
  version INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE latest_prices (
  symbol TEXT NOT NULL,
  price TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  last_trade_id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (symbol, updated_at)
) WITHOUT ROWID, STRICT;

CREATE TABLE klines (
  symbol TEXT NOT NULL,
  open_time INTEGER NOT NULL,
  close_time INTEGER NOT NULL,
  open_price TEXT NOT NULL,
  high_price TEXT NOT NULL,
  low_price TEXT NOT NULL,
  close_price TEXT NOT NULL,
  volume TEXT NOT NULL,
  quote_volume TEXT NOT NULL,
  number_of_trades INTEGER NOT NULL,
  first_trade_id INTEGER NOT NULL,
  last_trade_id INTEGER NOT NULL,
  closed INTEGER NOT NULL,
  backfill INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (symbol, open_time)
) WITHOUT ROWID, STRICT;

CREATE TABLE order_book (
  symbol TEXT NOT NULL,
  bids TEXT NOT NULL,             -- JSON [["price","quantity"],…], best first
  asks TEXT NOT NULL,
  depth INTEGER NOT NULL,
  last_update_id INTEGER NOT NULL,
  trusted INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  best_bid TEXT,                  -- from here on computed by the transform `enrich`; null when a side is empty
  best_ask TEXT,
  spread TEXT,
  mid TEXT,
  PRIMARY KEY (symbol, updated_at)
) WITHOUT ROWID, STRICT;

-- No index by time: trade_index turns a time range into a range of the primary key.
CREATE TABLE recent_trades (
  symbol TEXT NOT NULL,
  trade_id INTEGER NOT NULL,
  price TEXT NOT NULL,
  quantity TEXT NOT NULL,
  trade_time INTEGER NOT NULL,
  is_buyer_maker INTEGER NOT NULL,
  backfill INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (symbol, trade_id)
) WITHOUT ROWID, STRICT;

CREATE TABLE completeness (
  symbol TEXT NOT NULL,
  kind TEXT NOT NULL,
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  cause TEXT NOT NULL,
  state TEXT NOT NULL,
  detected_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (symbol, kind, first_id)
) WITHOUT ROWID, STRICT;

-- What was deleted at the source, so that an older upsert that comes late does not bring it back (I2). As a Cassandra
-- tombstone, it wins over an equal version.
CREATE TABLE tombstones (
  table_name TEXT NOT NULL,
  row_key TEXT NOT NULL,          -- JSON array of the key's values
  version INTEGER NOT NULL,
  PRIMARY KEY (table_name, row_key)
) WITHOUT ROWID, STRICT;

-- Trades with trade_time in [minute, minute + 60 s) have ids within [first_id, last_id]; the range may hold others.
CREATE TABLE trade_index (
  symbol TEXT NOT NULL,
  minute INTEGER NOT NULL,        -- epoch ms
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  PRIMARY KEY (symbol, minute)
) WITHOUT ROWID, STRICT;

-- Which records of the log held a run of consecutive trade ids. Sparse: runs grow up to 1,000 ids.
CREATE TABLE lineage (
  symbol TEXT NOT NULL,
  first_trade_id INTEGER NOT NULL,
  last_trade_id INTEGER NOT NULL,
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  first_offset INTEGER NOT NULL,
  last_offset INTEGER NOT NULL,
  stored_at INTEGER NOT NULL,     -- our clock, when the run was last extended
  PRIMARY KEY (symbol, first_trade_id, topic, partition)
) WITHOUT ROWID, STRICT;

CREATE TABLE windows (
  symbol TEXT NOT NULL,
  window TEXT NOT NULL,           -- 1s, 1m, 5m, 1h
  open_time INTEGER NOT NULL,
  trade_count INTEGER NOT NULL,
  volume TEXT NOT NULL,
  quote_volume TEXT NOT NULL,
  vwap TEXT,
  realised_variance REAL,         -- sum of squared log returns; the row's volatility is its square root
  first_trade_id INTEGER NOT NULL,
  last_trade_id INTEGER NOT NULL,
  PRIMARY KEY (symbol, window, open_time)
) WITHOUT ROWID, STRICT;

-- Minutes whose windows must be computed again; marked in the transaction that changed a trade of theirs.
CREATE TABLE dirty_minutes (
  symbol TEXT NOT NULL,
  minute INTEGER NOT NULL,
  mark INTEGER NOT NULL,          -- rises with each transaction: a minute marked again meanwhile stays marked
  PRIMARY KEY (symbol, minute)
) WITHOUT ROWID, STRICT;

CREATE TABLE dead_letters (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  key TEXT,
  value TEXT,
  bytes INTEGER NOT NULL,         -- of key and value, in UTF-16 units; the store is bounded by their sum
  first_failed_at INTEGER NOT NULL,
  last_failed_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT;

CREATE TABLE alerts (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  rule TEXT NOT NULL,
  symbol TEXT NOT NULL,
  message TEXT NOT NULL,
  raised_at INTEGER NOT NULL,
  evidence TEXT NOT NULL,         -- JSON
  delivered INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE positions (
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,      -- next to read
  PRIMARY KEY (topic, partition)
) WITHOUT ROWID, STRICT;

CREATE TABLE replays (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  body TEXT NOT NULL              -- JSON, runtime/consumer/replay.ts
) WITHOUT ROWID, STRICT;

-- Rows per table, kept by the writer, so that the pipeline's picture costs no scan.
CREATE TABLE row_counts (
  table_name TEXT PRIMARY KEY,
  row_count INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
