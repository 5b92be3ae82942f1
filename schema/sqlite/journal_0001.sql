-- One journal segment: an append-only SQLite file. Records are kept in batches, as Kafka keeps them, because a row a
-- batch costs a tenth of a row a record. Only capture writes; `position` moves in the transaction that appends (I1).

CREATE TABLE segment (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  format INTEGER NOT NULL,
  origin TEXT NOT NULL,           -- JSON, runtime/market/origin.ts
  created_at INTEGER NOT NULL,    -- epoch ms
  sealed INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE batches (
  id INTEGER PRIMARY KEY,
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  base_offset INTEGER NOT NULL,
  count INTEGER NOT NULL,
  appended_at INTEGER NOT NULL,   -- epoch ms
  records TEXT NOT NULL           -- per record two lines: key, value (JSON text; an empty line is null)
);
CREATE UNIQUE INDEX batches_by_offset ON batches (topic, partition, base_offset);
CREATE INDEX batches_by_time ON batches (topic, partition, appended_at);

-- Next offset of every partition at the end of the segment before this one.
CREATE TABLE bases (
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  base_offset INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)
) WITHOUT ROWID;

-- How far the slot has been read: the transaction's commit LSN and how many of its changes are in the journal.
CREATE TABLE position (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  commit_lsn TEXT NOT NULL,       -- 16/B374D848
  changes INTEGER NOT NULL,       -- -1: the whole transaction
  snapshot TEXT                   -- null, or the state of an unfinished snapshot as JSON
);
