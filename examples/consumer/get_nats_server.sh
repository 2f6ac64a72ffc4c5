#!/bin/sh
# Debian's nats-server, unpacked into .cache: as a package it would enable a service that nobody asked for.
set -eu
cache="$(cd "$(dirname "$0")/../.." && pwd)/.cache/nats-server"
mkdir -p "$cache"
cd "$cache"
apt-get download -qq nats-server || { echo "get_nats_server: apt-get update, then this again" >&2; exit 2; }
dpkg -x nats-server_*.deb .
rm nats-server_*.deb
echo "$cache/usr/sbin/nats-server"
