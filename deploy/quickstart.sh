#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job, from nothing: a private PostgreSQL, three resolvers, four workers that count words by transactions. At half time
# the leader and one worker are killed with kill -9 and started again; then every count is compared with what
# coreutils count in the same files.
#
#   deploy/quickstart.sh [--keep] [--seconds N] [FILE...]
#
#   --keep       leave the cluster running and say how to use it
#   --seconds N  how long the count should last, about (20)
#   FILE...      what to count; default: the regular files of /usr/share/common-licenses
#
# Exit status 0 only if every count is equal and the kill came while the workers worked.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/prepare.sh

keep='' seconds=20 workers=4
while [ $# -gt 0 ]; do
    case $1 in
        --keep) keep=yes ;;
        --seconds) seconds=${2:?--seconds needs a number}; shift ;;
        -h | --help) sed -n '3,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
        -*) echo "quickstart: unknown option $1; see --help" >&2; exit 2 ;;
        *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || set -- $(find /usr/share/common-licenses -type f | LC_ALL=C sort)

say() { printf '\n== %s\n' "$*"; }

prepare_packages deploy/packages.txt

say 'building'
build=$PWD/build/quickstart
mkdir -p "$build"
cmake --preset release -B "$build" -DVERDICT_TESTS=OFF -DCMAKE_INSTALL_PREFIX="$build/prefix" -DCMAKE_INSTALL_LIBDIR=lib >"$build.log" 2>&1 ||
    { cat "$build.log" >&2; exit 2; }
cmake --build "$build" 2>&1 | tail -n 1
cmake --install "$build" >>"$build.log"
# The worker is built as a user would build it: from the installed header and library alone.
cp follower/examples/Makefile follower/examples/wordcount.c "$build/prefix/"
PKG_CONFIG_PATH=$build/prefix/lib/pkgconfig LDFLAGS=-Wl,-rpath,$build/prefix/lib make -s -C "$build/prefix" wordcount
PATH=$build/prefix/bin:$build/prefix:$PATH

say 'starting PostgreSQL and three resolvers'
dir=$(mktemp -d "${TMPDIR:-/tmp}/verdict-quickstart.XXXXXX")
chmod 755 "$dir"
pids=()
finish() {
    local status=$?
    trap - EXIT
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    if [ -z "$keep" ] || [ $status != 0 ]; then
        verdict down --dir "$dir/cluster" >/dev/null 2>&1 || true
        [ $status = 0 ] || { echo "quickstart failed; the last lines of the logs:" >&2; tail -n 5 "$dir"/cluster/*.log "$dir"/*.log >&2 || true; }
        rm -rf "$dir"
    fi
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM
VERDICT_DSN=$(verdict up --nodes 3 --dir "$dir/cluster" --detach)
export VERDICT_DSN

field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }
leader() { verdict status --json | field leader; }
now_ms() { date +%s%3N; }

# One round by all workers tells how many rounds fill the time.
count() { # count ROUNDS: starts all workers
    local i
    for i in $(seq "$workers"); do start_worker "$i" "$1"; done
}
start_worker() { # start_worker NAME ROUNDS
    wordcount work --worker "$1" --rounds "$2" --trace "$dir/trace.$1" "${files[@]}" >>"$dir/worker.$1.json" 2>>"$dir/worker.$1.log" &
    pids[$1]=$!
}
files=("$@")
begin=$(now_ms)
count 1
wait "${pids[@]}"
took=$(($(now_ms) - begin + 1))
rounds=$(((seconds * 1000 + took - 1) / took))
[ "$rounds" -gt 1 ] || rounds=2
verdict exec 'clearrange wordcount/ wordcount0' >/dev/null
rm -f "$dir"/trace.* "$dir"/worker.*

say "counting the words of ${#files[@]} files, $rounds times, with $workers workers"
epoch=$(verdict status --json | field epoch)
begin=$(now_ms)
count "$rounds"
killed=''
while :; do
    sleep 0.2
    read -r done_bytes all_bytes <<<"$(wordcount progress --rounds "$rounds" "${files[@]}")"
    percent=$((done_bytes * 100 / all_bytes))
    [ ! -t 1 ] || printf '\r%3d %%' "$percent"
    if [ -z "$killed" ] && [ "$percent" -ge 50 ]; then
        if [ "$percent" -ge 95 ]; then
            echo "the count was over before the kill: give it more --seconds" >&2
            exit 1
        fi
        node=$(leader)
        victim=$(cat "$dir/cluster/$node.pid")
        killed=$(now_ms)
        # bash would tell of the killed worker where it is reaped
        { kill -9 "$victim" "${pids[1]}" && wait "${pids[1]}"; } 2>/dev/null || true
        [ ! -t 1 ] || printf '\r'
        echo "at $percent %: killed the leader ($node, process $victim) and worker 1 (process ${pids[1]}) with kill -9"
        start_worker 1 "$rounds"
        # The cluster's keeper starts the resolver again by itself.
    fi
    running=0
    for i in $(seq "$workers"); do kill -0 "${pids[$i]}" 2>/dev/null && running=$((running + 1)); done
    [ "$running" -gt 0 ] || break
done
took=$(($(now_ms) - begin))
[ -n "$killed" ] || { echo 'the count was over before the kill: give it more --seconds' >&2; exit 1; }
failed=0
for i in $(seq "$workers"); do wait "${pids[$i]}" || failed=1; done
pids=()
[ "$failed" = 0 ] || { cat "$dir"/worker.*.log >&2; exit 1; }

say 'comparing with coreutils'
wordcount report >"$dir/ours" 
for file in "${files[@]}"; do cat "$file"; echo; done | LC_ALL=C tr -cs 'A-Za-z' '\n' | LC_ALL=C tr 'A-Z' 'a-z' |
    sed '/^$/d' | LC_ALL=C sort | uniq -c | awk -v rounds="$rounds" '{ printf "%d %s\n", $1 * rounds, $2 }' >"$dir/theirs"
equal=yes
diff "$dir/ours" "$dir/theirs" >"$dir/diff" || equal=no

sum() { cat "$dir"/worker.*.json | grep -o "\"$1\":[0-9]*" | awk -F: '{ s += $2 } END { print s + 0 }'; }
# The longest time without any verdict, among all workers, in the 5 s after the kill.
gap=$(sort -n "$dir"/trace.* | awk -v from="$killed" -v to=$((killed + 5000)) \
    '$1 <= from { last = $1 } $1 > from && $1 <= to { if (last && $1 - last > gap) gap = $1 - last; last = $1 } END { print gap + 0 }')
cat <<TABLE
words counted        $(awk '{ s += $1 } END { print s }' "$dir/ours") ($(wc -l <"$dir/ours") different)
commits              $(cat "$dir"/trace.* | grep -c ' 0$') in $((took / 1000)).$(printf %03d $((took % 1000))) s
conflicts, retries   $(sum conflicts), $(sum retries) (the killed worker's own are not in it)
elections            $(($(verdict status --json | field epoch) - epoch))
longest gap          $gap ms without a verdict, across the kill
counts               $([ $equal = yes ] && echo 'all equal' || echo "$(wc -l <"$dir/diff") lines differ")
TABLE
[ $equal = yes ] || { head -n 20 "$dir/diff"; exit 1; }

if [ -n "$keep" ]; then
    say 'the cluster keeps running'
    cat <<KEEP
export VERDICT_DSN='$VERDICT_DSN'
export PATH=$build/prefix/bin:\$PATH
verdict status
verdict exec 'set hello world; get hello'
verdict down --dir $dir/cluster     # stops it
KEEP
fi
