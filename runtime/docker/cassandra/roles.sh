#!/usr/bin/env bash
# Makes Cassandra's roles what .env says, at each start; a second run changes nothing.
#   cassandra   superuser for operators; Cassandra makes it with a password that everyone knows, which is replaced here
#   candlewire  the pipeline's: may make its keyspace, and owns what it makes
# Passwords go by files and standard input, never by an argument that other processes could read.
set -euo pipefail
umask 077
: "${CASSANDRA_ADMIN_PASSWORD:?}" "${CASSANDRA_PASSWORD:?}"
host="${CASSANDRA_HOST:-cassandra}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

# as ROLE PASSWORD: runs the statements on standard input; what was said is kept for the last message.
as() {
  printf '[PlainTextAuthProvider]\nusername = %s\npassword = %s\n' "$1" "$2" >"$folder/credentials"
  cqlsh --credentials "$folder/credentials" --request-timeout 30 "$host" 9042 >"$folder/said" 2>&1
}

signs_in() {
  echo "SELECT release_version FROM system.local;" | as "$1" "$2"
}

# A literal of CQL.
quoted() {
  printf "'%s'" "${1//\'/\'\'}"
}

# retry WORK: at most two minutes, since a new node makes its superuser late, answers from caches of credentials for some
# seconds after a change, and takes no second change of a password within five.
retry() {
  local attempt
  for attempt in {1..60}; do
    if "$@"; then return 0; fi
    sleep 2
  done
  echo "Set up Cassandra's roles ($*): $(tail -n 1 "$folder/said")" >&2
  return 1
}

superuser() {
  signs_in cassandra "$CASSANDRA_ADMIN_PASSWORD" && return 0
  echo "ALTER ROLE cassandra WITH PASSWORD = $(quoted "$CASSANDRA_ADMIN_PASSWORD");" | as cassandra cassandra
  signs_in cassandra "$CASSANDRA_ADMIN_PASSWORD"
}

pipeline() {
  as cassandra "$CASSANDRA_ADMIN_PASSWORD" <<CQL || return 1
CREATE ROLE IF NOT EXISTS candlewire WITH PASSWORD = $(quoted "$CASSANDRA_PASSWORD") AND LOGIN = true;
GRANT CREATE ON ALL KEYSPACES TO candlewire;
CQL
  signs_in candlewire "$CASSANDRA_PASSWORD" && return 0
  echo "ALTER ROLE candlewire WITH PASSWORD = $(quoted "$CASSANDRA_PASSWORD");" |
    as cassandra "$CASSANDRA_ADMIN_PASSWORD" || return 1
  signs_in candlewire "$CASSANDRA_PASSWORD"
}

retry superuser
retry pipeline
echo "Cassandra's roles are ready"
