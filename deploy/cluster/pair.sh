# SPDX-License-Identifier: Apache-2.0
# Sourced by deploy/cluster.sh: a primary and its standby. deploy/postgres.sh says what the files in a volume mean.
#
# Never may two servers take writes, and never may one be promoted that does not have every commit that was answered. So
# the old primary is stopped and its volume is marked before the other one is promoted; and only who is marked `safe` is.

pair_sql() { # pair_sql SERVER SQL...: each in a transaction of its own
    local server=$1 one arguments=()
    shift
    for one in "$@"; do arguments+=(-c "$one"); done
    inside "$server" postgres.sh sql "${arguments[@]}"
}
pair_is() { [ "$(pair_sql "$1" 'SELECT pg_is_in_recovery()' 2>/dev/null)" = "$2" ]; } # pair_is SERVER t|f
pair_wait() { # pair_wait PRIMARY STANDBY: from now on commits wait for it; for nobody, if it is empty
    pair_sql "$1" "ALTER SYSTEM SET synchronous_standby_names = '${2:+\"$2\"}'" 'SELECT pg_reload_conf()' >/dev/null
}

# Sets primary and standby: those of the two that answer.
pair_find() {
    local server
    primary='' standby=''
    for server in "${databases[@]}"; do
        case $(pair_sql "$server" 'SELECT pg_is_in_recovery()' 2>/dev/null || true) in
            f) primary=$server ;;
            t) standby=$server ;;
        esac
    done
}
pair_other() { case $1 in postgres-a) echo postgres-b ;; *) echo postgres-a ;; esac; }

pair_show() {
    case $(pair_sql "$1" "SELECT pg_is_in_recovery() OR NULL, current_setting('synchronous_standby_names')" 2>/dev/null || echo away) in
        away) echo "$1: does not answer" ;;
        t*) echo "$1: standby, $(inside "$1" sh -c 'test -e /var/lib/verdict/safe && echo may be promoted || echo may not be promoted')" ;;
        '|') echo "$1: primary, alone" ;;
        *) echo "$1: primary, commits wait for $(pair_other "$1")" ;;
    esac
}

pair_streams() { # pair_streams PRIMARY STANDBY
    [ "$(pair_sql "$1" "SELECT count(*) FROM pg_stat_replication WHERE application_name = '$2' AND state = 'streaming'")" = 1 ]
}
pair_has() { # pair_has PRIMARY STANDBY LSN: commits wait for the standby, and it has all that came before
    [ "$(pair_sql "$1" "SELECT count(*) FROM pg_stat_replication
        WHERE application_name = '$2' AND sync_state = 'sync' AND flush_lsn >= '$3'")" = 1 ]
}

pair_waits() { [ "$(pair_sql "$1" 'SHOW synchronous_standby_names')" = "\"$2\"" ]; } # pair_waits PRIMARY STANDBY

# The other one of the primary $1, stopped and marked, copies it and stands by. Commits wait as soon as the server's checkpointer has
# read that they shall, which behind a checkpoint it has; and the standby must have all that was written until then.
pair_follow() {
    local from=$1 to lsn
    to=$(pair_other "$from")
    say "$to copies $from"
    quietly compose up -d --no-deps --no-build "$to"
    wait_for 3600 "waiting for $to" pair_streams "$from" "$to"
    pair_wait "$from" "$to"
    wait_for 120 "telling $from" pair_waits "$from" "$to"
    lsn=$(pair_sql "$from" CHECKPOINT 'SELECT pg_current_wal_insert_lsn()')
    wait_for 120 "waiting for $to to have all of $from" pair_has "$from" "$to" "$lsn"
    quietly inside "$to" touch /var/lib/verdict/safe
}

# The server $1 stops, and will copy its peer when it is started again.
pair_stop() {
    quietly compose stop "$1"
    quietly compose run --rm --no-deps -T "$1" follow
}

pair_promote() {
    local primary standby old
    pair_find
    [ -n "$standby" ] || fail 'no standby answers'
    inside "$standby" test -e /var/lib/verdict/safe ||
        fail "$standby may lack commits that were answered" 'where the primary serves: deploy/cluster.sh rejoin'
    old=$(pair_other "$standby")
    say "stopping $old"
    pair_stop "$old"
    say "promoting $standby"
    quietly pair_sql "$standby" 'SELECT pg_promote()'
    wait_for 120 "promoting $standby" pair_is "$standby" f
    quietly inside "$standby" rm /var/lib/verdict/safe
    pair_follow "$standby"
}

pair_rejoin() {
    local primary standby
    pair_find
    [ -n "$primary" ] || fail 'no primary answers' 'deploy/cluster.sh promote, or start it: deploy/cluster.sh up'
    pair_alone
    pair_follow "$primary"
}

pair_alone() {
    local primary standby
    pair_find
    [ -n "$primary" ] || fail 'no primary answers' 'deploy/cluster.sh promote, or start it: deploy/cluster.sh up'
    pair_stop "$(pair_other "$primary")"
    pair_wait "$primary" ''
    say "$primary goes on alone"
}
