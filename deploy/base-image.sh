#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes sure that the image debian:bookworm-slim exists: there already, pulled, or, where no image registry can be
# reached, made with debootstrap from this machine's own apt sources.
set -euo pipefail
image=debian:bookworm-slim

if docker image inspect "$image" >/dev/null 2>&1; then
    exit 0
fi
if timeout 60 docker pull -q "$image" >/dev/null 2>&1; then
    echo "pulled $image"
    exit 0
fi
command -v debootstrap >/dev/null 2>&1 || {
    echo "there is no $image, no registry answers, and debootstrap is missing" >&2
    echo "HINT: apt-get install debootstrap, then call this again as root" >&2
    exit 2
}

# The mirror that this machine uses: the first URI of its sources, in either format.
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
    sed -n -e 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p' \
        -e 's/^deb[[:space:]]\{1,\}\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\).*/\2/p' |
    grep -v -e security -e '^mirror' | head -n 1)
[ -n "$mirror" ] || { echo "no apt source found on this machine" >&2; exit 2; }

root=$(mktemp -d)
trap 'rm -rf "$root" "$root.log"' EXIT
echo "making $image with debootstrap (about a minute)"
debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -n 5 "$root.log" >&2
    exit 2
}
# apt inside the image goes where this machine's goes, by the same rules.
rm -f "$root/etc/apt/sources.list"
cp -a /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null || true
cp -a /etc/apt/sources.list.d/. "$root/etc/apt/sources.list.d/" 2>/dev/null || true
for conf in /etc/apt/apt.conf.d/*; do
    if grep -qiE 'proxy|acquire|verify' "$conf"; then
        cp -a "$conf" "$root/etc/apt/apt.conf.d/"
    fi
done
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/man/*
tar -C "$root" -c . | docker import - "$image" >/dev/null
echo "made $image"
