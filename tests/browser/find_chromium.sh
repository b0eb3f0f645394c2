#!/bin/sh
# Print the path of a Chromium; install Debian's, or Playwright's own, where there is none.
set -e
find_one() {
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        if [ -n "$name" ] && command -v "$name" > /dev/null 2>&1; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}
find_one && exit 0
if command -v apt-get > /dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    become=""
    [ "$(id -u)" = 0 ] || become="sudo"
    { $become apt-get update -qq && $become apt-get install -y -qq chromium; } > /dev/null 2>&1 \
        && find_one && exit 0
fi
.venv/bin/python -m playwright install --with-deps chromium >&2
.venv/bin/python -c 'from playwright.sync_api import sync_playwright as s
with s() as p: print(p.chromium.executable_path)'
