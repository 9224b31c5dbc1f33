#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A cluster of containers: compose.yml, and what has to be done around it.
#
#   deploy/cluster.sh [--with own|postgres|ha] VERB [ARGUMENT...]
#
#   up [ARGUMENT...]    builds the images, starts what does not run yet, waits for a leader; --scale worker=N, --no-build
#   status              the containers, who leads, how far commits have come; ends with 1 if nobody leads
#   logs [ARGUMENT...]  of all services or of those that are named; -f, --tail N
#   scale SERVICE=N...  so many workers (or tellers)
#   roll [SERVICE...]   migrates, then starts the resolvers anew from the images of now, one by one, the leader last
#   promote             (ha) the standby takes over, for good; the old primary is stopped first and follows it then
#   rejoin              (ha) the standby is made anew from the primary, and commits wait for it again
#   alone               (ha) the primary goes on without its standby, which counts for nothing until it rejoins
#   password [ACCOUNT]  reads the password of resolver, worker or admin from standard input; of all three without a name
#   compose ARGUMENT... anything else that compose can do, with the right files
#   down [ARGUMENT...]  stops and removes the containers; -v: the data as well
#
#   --with own       the PostgreSQL that you have: VERDICT_DSN says where, as in host=db.example.org dbname=app (the default,
#                    if VERDICT_DSN is set)
#   --with postgres  a PostgreSQL of its own (the default otherwise)
#   --with ha        a primary and a synchronous standby of its own
#
# Up remembers --with and the environment's VERDICT_… for the other verbs, in the folder of the secrets (VERDICT_SECRETS, or
# deploy/secrets), which is made on first use. COMPOSE_PROJECT_NAME tells clusters apart (verdict). See docs/deploy.md.
set -euo pipefail
deploy=$(cd "$(dirname "$0")" && pwd)

fail() { # fail MESSAGE [HINT]
    echo "cluster: $1" >&2
    [ -z "${2:-}" ] || echo "hint: $2" >&2
    exit 2
}
say() { echo "== $*" >&2; }

wait_for() { # wait_for SECONDS WHAT COMMAND...: until it succeeds
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "$what: not in time" "deploy/cluster.sh logs --tail 20"
        sleep 0.5
    done
}

. "$deploy/cluster/secrets.sh"
. "$deploy/cluster/pair.sh"

with=''
while [ $# -gt 0 ]; do
    case $1 in
        --with) with=${2:-}; shift 2 || fail '--with needs own, postgres or ha' ;;
        --with=*) with=${1#*=}; shift ;;
        -h | --help) sed -n '3,28s/^# \{0,1\}//p' "$0"; exit 0 ;;
        -*) fail "unknown option $1" 'deploy/cluster.sh --help' ;;
        *) break ;;
    esac
done
verb=${1:-}
[ -n "$verb" ] || fail 'which verb?' 'deploy/cluster.sh --help'
shift
case $verb in
    up | status | logs | scale | roll | promote | rejoin | alone | password | compose | down) ;;
    *) fail "unknown verb $verb" 'deploy/cluster.sh --help' ;;
esac
case $with in '' | own | postgres | ha) ;; *) fail "--with $with: it is own, postgres or ha" ;; esac

if [ "$verb" = password ]; then
    secrets_password "$@"
    exit
fi

# ---- what the verbs share ----

command -v docker >/dev/null 2>&1 || fail 'docker is not installed'
docker info >/dev/null 2>&1 || fail 'no Docker daemon answers' 'start it, or set DOCKER_HOST; may this user reach its socket?'
if docker compose version >/dev/null 2>&1; then
    program=(docker compose)
elif command -v docker-compose >/dev/null 2>&1; then
    program=(docker-compose)
else
    fail 'neither docker compose nor docker-compose is installed'
fi

told=${VERDICT_DSN:-}
secrets_recall
if [ -z "$with" ] && [ -n "$told" ] && [ "${remembered_with:-own}" != own ]; then
    fail "VERDICT_DSN is set, but this cluster has a PostgreSQL of its own (--with $remembered_with)" 'say --with, or unset VERDICT_DSN'
fi
with=${with:-${remembered_with:-}}
if [ -z "$with" ]; then
    with=postgres
    [ -z "$told" ] || with=own
fi
if [ "$verb" = up ]; then
    secrets_make
    secrets_remember
elif [ ! -e "$VERDICT_SECRETS/cluster" ]; then
    fail "there is no cluster: $VERDICT_SECRETS/cluster is missing" 'deploy/cluster.sh up'
fi

files=(-f "$deploy/compose.yml")
[ "$with" = own ] || files+=(-f "$deploy/compose.$with.yml")
case $with in
    own) databases=() ;;
    postgres) databases=(postgres) ;;
    ha) databases=(postgres-a postgres-b) ;;
esac
resolvers=(resolver-1 resolver-2 resolver-3)
export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-verdict}
compose() { "${program[@]}" "${files[@]}" "$@"; }
quietly() { # what it says is of interest only if it fails
    local said
    said=$("$@" 2>&1) || { echo "$said" >&2; fail "failed: $*"; }
}
container() { # container SERVICE: its id. docker itself answers many times faster than docker-compose
    docker ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --filter "label=com.docker.compose.service=$1" \
        --filter label=com.docker.compose.oneoff=False | grep -m 1 .
}
inside() { # inside SERVICE COMMAND...
    local id
    id=$(container "$1") && docker exec "$id" "${@:2}"
}
serves() { inside observer verdict status "$@"; }
leader() { serves --json | sed -n 's/.*"leader": *"\([^"]*\)".*/\1/p'; }
is_healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$(container "$1")")" = healthy ]; }

# ---- the verbs ----

up() {
    local build=yes arguments=() argument
    for argument in "$@"; do
        if [ "$argument" = --no-build ]; then build=''; else arguments+=("$argument"); fi
    done
    if [ -n "$build" ]; then
        "$deploy/base-image.sh"
        compose build migrate "${databases[@]:0:1}"
    fi
    compose up -d --no-build "${arguments[@]}"
    wait_for 120 'waiting for a leader' serves
    serves
}

status() {
    local database
    compose ps
    if [ "$with" = ha ]; then
        for database in "${databases[@]}"; do pair_show "$database"; done
    fi
    serves
}

roll() {
    local first=() last node
    [ $# -gt 0 ] || set -- "${resolvers[@]}"
    quietly compose run --rm --no-deps -T migrate
    last=$(leader) || true
    for node in "$@"; do [ "$node" = "$last" ] || first+=("$node"); done
    case " $* " in *" $last "*) first+=("$last") ;; esac
    for node in "${first[@]}"; do
        say "$node"
        quietly compose up -d --no-deps --no-build --force-recreate "$node"
        wait_for 120 "waiting for $node" is_healthy "$node"
    done
    wait_for 120 'waiting for a leader' serves
}

scale() {
    local arguments=() one
    [ $# -gt 0 ] || fail 'how many of what?' 'deploy/cluster.sh scale worker=4'
    for one in "$@"; do
        case $one in
            worker=[0-9]* | teller=[0-9]*) arguments+=(--scale "$one") ;;
            *) fail "$one: only worker=N and teller=N have a number" ;;
        esac
    done
    quietly compose up -d --no-deps --no-build --no-recreate "${arguments[@]}" "${@%%=*}"
}

case $verb in
    up) up "$@" ;;
    status) status ;;
    logs) compose logs "$@" ;;
    scale) scale "$@" ;;
    roll) roll "$@" ;;
    promote | rejoin | alone)
        [ "$with" = ha ] || fail "$verb: this cluster has no standby (--with $with)"
        "pair_$verb" ;;
    compose) compose "$@" ;;
    down) compose down "$@" ;;
esac
