-- Signals to Debezium (https://debezium.io/documentation/reference/stable/configuration/signalling.html): a row asks for an
-- incremental snapshot. It reads them from the stream, so the table is published; our own capture leaves it out.
-- Debezium marks the windows of a snapshot with rows of its own, which it removes.

CREATE TABLE candlewire_signal (
  id varchar(42) PRIMARY KEY,
  type varchar(32) NOT NULL,
  data varchar(2048)
);

ALTER PUBLICATION candlewire ADD TABLE candlewire_signal;
