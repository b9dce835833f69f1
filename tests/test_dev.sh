#!/bin/bash
# test_dev.sh - ./dev understands a line before it does anything of it. Runs a copy, on a tree of its own.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp "$source/dev" "$source/.clang-format" "$tree"
mkdir -p "$tree/build/release" "$tree/tests/bench"
cd "$tree"
git init -q .

fail() {
    printf 'FAILED - %s\n' "$*"
    exit 1
}

# ends STATUS WORD... : ./dev WORD... ends with it, says how it is used, and has touched nothing.
ends() {
    local wanted=$1 status=0 said
    shift
    said=$(./dev "$@" </dev/null 2>&1) || status=$?
    [ "$status" = "$wanted" ] || fail "dev $* ended with $status: $said"
    [[ $said == *"usage: ./dev COMMAND"* ]] || fail "dev $* did not say how it is used: $said"
    [ -d build/release ] || fail "dev $* removed what was built"
    [ "$(find build -type f)" = "" ] || fail "dev $* has made something"
}

for command in demo test build deb deb-test image fuzz chaos lint format clean; do
    ends 0 "$command" --help
    ends 2 "$command" nonsense
done
ends 0 help
ends 0 test unit --help
ends 0 test arm64 --help
ends 2
ends 2 nonsense
ends 2 clean all more
ends 2 clean build
ends 2 format --chekc
ends 2 test unit unit nonsense
ends 2 test checks nonsense
ends 2 test arm64 nonsense
ends 2 fuzz 10 more
ends 2 fuzz -1
ends 2 chaos 10 more
ends 2 chaos 10 --seed
ends 2 chaos --seed 1 10
ends 2 build release
ends 2 deb bookworm
ends 2 image bookworm
ends 2 deb-test bookworm sid

if command -v clang-format >/dev/null; then
    printf 'int   f ( void ) ;\n' >spoilt.c
    if ./dev format --check >/dev/null 2>&1; then fail "a spoilt file passes"; fi
    [ "$(cat spoilt.c)" = 'int   f ( void ) ;' ] || fail "format --check has rewritten a file"
    ./dev format
    ./dev format --check || fail "what was formatted does not pass"
    [ "$(cat spoilt.c)" = 'int f(void);' ] || fail "format does not format"
fi
# A terminal is shown how a step goes on; a pipe is not.
eval "$(sed -n '/^watched()/,/^}/p; /^watch_log()/,/^}/p' dev)"
slowly() { sleep 5; return 7; }
printf 'one\ntwo \033[2J\n' >log
status=0
watched log slowly >piped || status=$?
[ "$status" = 7 ] || fail "a watched step has status $status"
[ ! -s piped ] || fail "a pipe is shown progress"
export -f watched watch_log slowly
SHELL=/bin/bash TERM=xterm script -qec 'watched log slowly' shown >/dev/null </dev/null && fail "a watched step passes at a terminal"
grep -aq ' [1-5] s  two' shown || fail "a terminal is not shown how a step goes on"
if grep -aq 'two .*2J' shown && grep -aq $'\033\\[2J' shown; then fail "a log rules the terminal"; fi

./dev clean
[ ! -d build/release ] || fail "clean does not clean"
echo passed
