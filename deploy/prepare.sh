# SPDX-License-Identifier: Apache-2.0
# Sourced by deploy/quickstart.sh and tests/run.sh: brings the packages that they need onto the machine.
#
#   prepare_packages LIST...    LIST: files that name a package a line, '#' begins a comment
#   prepare_known LIST...       the same, without what this distribution does not have
#
# Installs only what is missing, so that a second run downloads nothing. Needs root, or sudo where it is; else one
# error names the packages. Where PostgreSQL comes along, its default cluster is neither created nor started.

prepare_missing() {
    local package
    for package in $(sed 's/#.*//' "$@" | sort -u); do
        case "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)" in
            *' installed') ;;
            *) echo "$package" ;;
        esac
    done
}

# While packages are installed, PostgreSQL's own set-up is told to create no cluster, unless a server is there already.
prepare_hold_cluster() { # prepare_hold_cluster SUDO
    local conf=/etc/postgresql-common/createcluster.conf
    prepare_held=''
    if dpkg-query -W -f='${Package} ${Status}\n' 'postgresql-[0-9]*' 2>/dev/null |
        grep -qE '^postgresql-[0-9]+ .* installed$'; then
        return 0
    fi
    if [ -e "$conf" ]; then
        prepare_held=line
    else
        prepare_held=file
        $1 mkdir -p "${conf%/*}"
    fi
    echo 'create_main_cluster = false # for this installation only' | $1 tee -a "$conf" >/dev/null
}

prepare_release_cluster() { # prepare_release_cluster SUDO
    local conf=/etc/postgresql-common/createcluster.conf packaged=/usr/share/postgresql-common/createcluster.conf
    case $prepare_held in
        line) $1 sed -i '/^create_main_cluster = false # for this installation only$/d' "$conf" ;;
        file) if [ -e "$packaged" ]; then $1 cp "$packaged" "$conf"; else $1 rm -f "$conf"; fi ;;
    esac
    prepare_held=''
}

prepare_packages() {
    prepare_install "$(prepare_missing "$@" | tr '\n' ' ')"
}

prepare_known() {
    local package known=''
    for package in $(prepare_missing "$@"); do
        if apt-cache show "$package" >/dev/null 2>&1; then known="$known$package "; fi
    done
    prepare_install "$known"
}

prepare_install() { # prepare_install "PACKAGE PACKAGE... "
    local missing=$1 sudo='' log failed=''
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null 2>&1; then
            sudo=sudo
        else
            echo "these packages are missing, and this is neither root nor is there sudo: $missing" >&2
            echo "HINT: as root: apt-get update && apt-get install $missing" >&2
            return 2
        fi
    fi
    echo "installing: $missing" >&2
    prepare_hold_cluster "$sudo"
    # The output of apt is of interest only if it fails.
    log=$(mktemp)
    { $sudo apt-get update -q &&
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
            -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=120 $missing; } >"$log" 2>&1 </dev/null || failed=yes
    prepare_release_cluster "$sudo"
    [ -z "$failed" ] || tail -n 20 "$log" >&2
    rm -f "$log"
    if [ -n "$failed" ]; then
        echo "apt-get could not install: $missing" >&2
        return 2
    fi
}
