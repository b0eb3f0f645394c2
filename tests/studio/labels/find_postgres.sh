#!/bin/sh
# Print the folder of PostgreSQL's programs; install Debian's where there are none.
set -e
find_one() {
    if command -v initdb > /dev/null 2>&1; then
        dirname "$(command -v initdb)"
        return 0
    fi
    newest=$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null | sort -V | tail -n 1)
    [ -n "$newest" ] && [ -x "$newest/initdb" ] && echo "$newest"
}
find_one && exit 0
if command -v apt-get > /dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    become=""
    [ "$(id -u)" = 0 ] || become="sudo"
    { $become apt-get update -qq && $become apt-get install -y -qq postgresql; } > /dev/null 2>&1
fi
find_one
