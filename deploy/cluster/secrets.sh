# SPDX-License-Identifier: Apache-2.0
# Sourced by deploy/cluster.sh: the folder of the secrets, readable by their owner alone.
#
#   *.pgpass   password files of libpq, one an account; mounted under /run/secrets. They belong to whom the processes in the
#              containers run as: to the caller, or, if that is root, to the images' own user
#   cluster    what up was told, for the other verbs
export VERDICT_SECRETS=${VERDICT_SECRETS:-$deploy/secrets}
case $VERDICT_SECRETS in /*) ;; *) VERDICT_SECRETS=$PWD/$VERDICT_SECRETS ;; esac

secrets_user() {
    local own
    own=$(id -u):$(id -g)
    case $own in 0:*) own=10001:10001 ;; esac
    export VERDICT_USER=${VERDICT_USER:-$own}
}

secrets_folder() { (umask 077 && mkdir -p "$VERDICT_SECRETS"); }

secrets_write() { # secrets_write NAME: a password file that holds for all servers, with the password on standard input
    local file=$VERDICT_SECRETS/$1.pgpass
    (umask 077 && sed -e 's/[\\:]/\\&/g' -e 's/^/*:*:*:*:/' >"$file.new")
    [ "$(id -u)" != 0 ] || chown "$VERDICT_USER" "$file.new"
    mv "$file.new" "$file"
}

secrets_password() { # secrets_password [ACCOUNT]: from standard input, unseen on a terminal
    local word names=(resolver worker admin) name
    case ${1:-} in
        '') ;;
        resolver | worker | admin) names=("$1") ;;
        *) fail "$1: the accounts are resolver, worker and admin" ;;
    esac
    [ ! -t 0 ] || printf 'password: ' >&2
    IFS= read -rs word || [ -n "$word" ] || fail 'no password on standard input'
    [ ! -t 0 ] || echo >&2
    secrets_user
    secrets_folder
    for name in "${names[@]}"; do printf '%s\n' "$word" | secrets_write "$name"; done
}

# Before up. Those of our own servers are drawn; those of the PostgreSQL that somebody has, only he knows.
secrets_make() {
    local name names=(admin resolver worker)
    secrets_user
    secrets_folder
    if [ "$with" = own ]; then
        [ -n "${VERDICT_DSN:-}" ] || fail 'VERDICT_DSN is not set' "export VERDICT_DSN='host=db.example.org dbname=app', or --with postgres"
        case $VERDICT_DSN in
            *password* | *://*:*@*) fail 'VERDICT_DSN holds a password, which everyone would see who may look at the containers' \
                'leave it out, and give it to: deploy/cluster.sh password' ;;
        esac
    fi
    [ "$with" != ha ] || names+=(replication)
    for name in "${names[@]}"; do
        [ ! -e "$VERDICT_SECRETS/$name.pgpass" ] || continue
        [ "$with" != own ] || fail "$VERDICT_SECRETS/$name.pgpass is missing" "deploy/cluster.sh password $name (an empty one, if it needs none)"
        command -v openssl >/dev/null 2>&1 || fail 'openssl is not installed'
        openssl rand -hex 24 | secrets_write "$name"
    done
}

secrets_remember() {
    local name
    (
        umask 077
        {
            echo "remembered_with=$with"
            for name in $(compgen -e VERDICT_); do
                printf '[ -n "${%s+set}" ] || export %s=%q\n' "$name" "$name" "${!name}"
            done
        } >"$VERDICT_SECRETS/cluster"
    )
}

# Sets what up was told, but for what the environment says now.
secrets_recall() {
    [ ! -e "$VERDICT_SECRETS/cluster" ] || . "$VERDICT_SECRETS/cluster"
}
