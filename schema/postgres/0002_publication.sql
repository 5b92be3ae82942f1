-- What leaves by change data capture. Changes of a partition are published as its root's, so that dropping a
-- partition (retention) reaches no reader. Full replica identity: a delete must carry the row's own version, and an
-- unchanged TOAST value can be taken from the old row (ADR 20261123-replica-identity-full).

ALTER TABLE crypto_24h_stats REPLICA IDENTITY FULL;
ALTER TABLE order_book REPLICA IDENTITY FULL;
ALTER TABLE completeness REPLICA IDENTITY FULL;
ALTER TABLE latest_prices REPLICA IDENTITY FULL;
ALTER TABLE klines REPLICA IDENTITY FULL;
ALTER TABLE recent_trades REPLICA IDENTITY FULL;

CREATE PUBLICATION candlewire
  FOR TABLE crypto_24h_stats, latest_prices, klines, order_book, recent_trades, completeness
  WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);
