-- One journal segment: an append-only SQLite file (WAL, synchronous=FULL). Records are kept in batches, as Kafka keeps
-- them, because a row a batch costs a tenth of a row a record. Only capture writes; `position` moves in the transaction
-- that appends (I1). A segment that is sealed never changes again; retention removes whole files.
-- Names of files and the text of `records`: runtime/change/journal_format.ts.

CREATE TABLE segment (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  format INTEGER NOT NULL,
  number INTEGER NOT NULL,        -- the one in the file's name
  origin TEXT NOT NULL,           -- JSON, runtime/market/origin.ts
  created_at INTEGER NOT NULL,    -- epoch ms
  sealed INTEGER NOT NULL DEFAULT 0,
  writer TEXT NOT NULL            -- token of the process that writes; another one's means: fenced off
);

CREATE TABLE batches (
  id INTEGER PRIMARY KEY,
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  base_offset INTEGER NOT NULL,
  count INTEGER NOT NULL,
  appended_at INTEGER NOT NULL,   -- epoch ms; never falls within a partition
  checksum INTEGER NOT NULL,      -- CRC-32 of `records` in UTF-8
  records TEXT NOT NULL           -- per record two lines: key, value (JSON text; an empty line is null)
);
CREATE UNIQUE INDEX batches_by_offset ON batches (topic, partition, base_offset);
CREATE INDEX batches_by_time ON batches (topic, partition, appended_at);

-- Every partition known: its next offset when the segment began, and now. Copied on when the next segment begins.
CREATE TABLE partitions (
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  base_offset INTEGER NOT NULL,
  next_offset INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)
) WITHOUT ROWID;

-- How far the slot has been read: the transaction's commit LSN and how many of its changes are in the journal. No row
-- before the first append. Copied on when the next segment begins.
CREATE TABLE position (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  system_id TEXT NOT NULL,        -- of the PostgreSQL cluster that the LSNs belong to
  commit_lsn TEXT NOT NULL,       -- 16/B374D848
  changes INTEGER NOT NULL,       -- -1: the whole transaction
  acknowledged_lsn TEXT NOT NULL, -- the slot may have been moved up to here, not further
  snapshot TEXT                   -- null, or the state of an unfinished snapshot as JSON
);
