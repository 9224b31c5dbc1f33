#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The PostgreSQL of the compose files: makes its data on the first start, then serves. Alone, or as one of a pair.
#
#   postgres.sh [-c name=value ...]   serves; what follows goes to PostgreSQL
#   postgres.sh follow                (not serving) the data are to be copied from the peer at the next start
#   postgres.sh sql [ARGUMENT...]     psql as the superuser, inside the container of a server that serves
#
#   VERDICT_SERVER     of a pair: this server's host name
#   VERDICT_PEER       of a pair: the other one's
#   VERDICT_BEGINS_AS  of a pair: primary or standby, where the volume is empty
#
# Passwords are in /run/secrets/*.pgpass: superuser postgres (admin), verdict_resolver, verdict_worker, verdict_replication. The
# accounts are members of the roles that the migration grants to; it finds them made.
#
# Of a pair, the volume says what its server is:
#   data/standby.signal   it follows its peer (PostgreSQL's own file)
#   follow                what is in data may hold what was never answered: it is replaced by a copy of the peer's
#   safe                  it has every commit that was answered, and goes on to have them: it may be promoted
set -euo pipefail
volume=/var/lib/verdict
data=$volume/data
secrets=/run/secrets
peer=${VERDICT_PEER:-}

# Of a password file's first line the last field, which has no ':' or '\' in it: they are hexadecimal.
password() {
    local line
    read -r line <"$secrets/$1.pgpass"
    printf '%s' "${line##*:}"
}

# PostgreSQL's programs look up the name of their user; the uid may be one that /etc/passwd does not have.
name_user() {
    if ! id -un >/dev/null 2>&1; then
        echo "verdict:x:$(id -u):$(id -g)::/:/bin/false" >/tmp/passwd
        echo "verdict:x:$(id -g):" >/tmp/group
        export LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_PASSWD=/tmp/passwd NSS_WRAPPER_GROUP=/tmp/group
    fi
}

begin() {
    rm -rf "$data.partial"
    initdb -D "$data.partial" --locale=C --encoding=UTF8 --data-checksums --auth=scram-sha-256 --username=postgres \
        --pwfile=<(password admin; echo) >/dev/null
    echo 'host all all all scram-sha-256' >>"$data.partial/pg_hba.conf"
    {
        echo 'CREATE ROLE verdict_follower NOLOGIN;'
        echo 'CREATE ROLE verdict_observer NOLOGIN;'
        echo "CREATE ROLE verdict_resolver LOGIN PASSWORD '$(password resolver)';"
        # What is left over is the resolvers'.
        echo "CREATE ROLE verdict_worker LOGIN CONNECTION LIMIT 150 PASSWORD '$(password worker)' IN ROLE verdict_follower, verdict_observer;"
        [ -z "$peer" ] || echo "CREATE ROLE verdict_replication LOGIN REPLICATION PASSWORD '$(password replication)';"
    } | sed G | postgres --single -D "$data.partial" -j postgres >/dev/null
    if [ -n "$peer" ]; then
        echo 'host replication verdict_replication all scram-sha-256' >>"$data.partial/pg_hba.conf"
        echo "synchronous_standby_names = '\"$peer\"'" >>"$data.partial/postgresql.auto.conf"
    fi
    mv "$data.partial" "$data"
}

# How the peer is reached, by the password file.
link="host=$peer user=verdict_replication application_name=${VERDICT_SERVER:-} passfile=$secrets/replication.pgpass connect_timeout=5"

copy() {
    local waits
    until pg_isready -q -h "$peer"; do
        echo "waiting for $peer, to copy it"
        sleep 1
    done
    # Before the copy begins: does the peer answer nothing any more that this server does not have?
    waits=$(psql -XAtd "$link replication=true" -c 'SHOW synchronous_standby_names')
    rm -rf "$data.partial"
    pg_basebackup -D "$data.partial" -d "$link" -c fast -X stream
    echo "synchronous_standby_names = ''" >>"$data.partial/postgresql.auto.conf"
    touch "$data.partial/standby.signal"
    rm -rf "$data" "$volume/safe"
    mv "$data.partial" "$data"
    [[ $waits != *"\"$VERDICT_SERVER\""* ]] || touch "$volume/safe"
    rm -f "$volume/follow"
}

case ${1:-} in
    follow)
        rm -f "$volume/safe"
        touch "$volume/follow"
        exit ;;
    sql)
        shift
        PGPASSFILE=$secrets/admin.pgpass exec psql -XAtq -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres -d postgres "$@" ;;
esac

name_user
if [ -e "$volume/follow" ]; then
    copy
elif [ ! -s "$data/PG_VERSION" ]; then
    if [ "${VERDICT_BEGINS_AS:-primary}" = standby ] || { [ -n "$peer" ] && pg_isready -q -h "$peer"; }; then
        copy
    else
        begin
    fi
fi
options=(-c listen_addresses='*' -c unix_socket_directories=/tmp -c max_connections=200)
if [ -n "$peer" ]; then
    options+=(-c "primary_conninfo=$link" -c wal_keep_size=1GB)
fi
exec env -u LD_PRELOAD postgres -D "$data" "${options[@]}" "$@"
