#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The PostgreSQL of the compose cluster: makes its data directory on the first start, then serves.
#   VERDICT_PASSWORD    password of the superuser postgres and of the accounts verdict_resolver and verdict_worker
# The accounts are members of the roles that the migration grants to; it finds them made.
set -euo pipefail
bin=/usr/lib/postgresql/current/bin
data=/var/lib/verdict/data
: "${VERDICT_PASSWORD:?set VERDICT_PASSWORD to the password of the accounts}"

if [ ! -s "$data/PG_VERSION" ]; then
    rm -rf "$data.partial"
    "$bin/initdb" -D "$data.partial" --locale=C --encoding=UTF8 --auth=scram-sha-256 --username=postgres \
        --pwfile=<(printf '%s\n' "$VERDICT_PASSWORD") >/dev/null
    echo 'host all all all scram-sha-256' >>"$data.partial/pg_hba.conf"
    "$bin/postgres" --single -D "$data.partial" -j postgres >/dev/null <<SQL
CREATE ROLE verdict_follower NOLOGIN;

CREATE ROLE verdict_observer NOLOGIN;

CREATE ROLE verdict_resolver LOGIN PASSWORD '${VERDICT_PASSWORD//\'/\'\'}';

CREATE ROLE verdict_worker LOGIN PASSWORD '${VERDICT_PASSWORD//\'/\'\'}' IN ROLE verdict_follower, verdict_observer;
SQL
    mv "$data.partial" "$data"
fi
exec "$bin/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp
