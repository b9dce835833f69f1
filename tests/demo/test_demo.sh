#!/bin/bash
# test_demo.sh - that the demo proves itself, ends well and leaves nothing behind.
#
#   TLSFRONT=PATH DEMO_MAILBOX=PATH tests/demo/test_demo.sh
#
# Each case runs in a session (setsid) and a temporary folder of its own; what is still there when the
# case is over was left behind.
set -euo pipefail

demo=$(cd "$(dirname "$0")" && pwd)/run
work=$(mktemp -d)
mailbox='' session=''
passed=0 failed=0

# Processes of session $1, zombies apart; field 6 of stat is the session, behind "(name) ". Without a process for each
# of them: where numbers come round, bash takes a new one for its old job ("No record of process").
processes_of_session() {
    local stat rest
    for stat in /proc/[0-9]*/stat; do
        rest=
        IFS= read -r -d '' rest 2>/dev/null <"$stat" || [ -n "$rest" ] || continue
        rest=${rest##*) }
        # shellcheck disable=SC2086 # fields
        set -- "$1" $rest
        if [ "$5" = "$1" ] && [ "$2" != Z ]; then
            echo "${stat//[!0-9]/}"
        fi
    done
}

kill_session() {
    local pid
    for pid in $(processes_of_session "$session"); do kill -KILL "$pid" 2>/dev/null || true; done
}

cleanup() {
    [ -z "$session" ] || kill_session
    [ -z "$mailbox" ] || kill "$mailbox" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

# start ARGUMENT... begins the demo; its session's number is its own process number.
start() {
    mkdir -p "$work/tmp"
    # A background command of a script ignores INT, which the demo could not undo.
    TMPDIR=$work/tmp setsid env --default-signal=INT "$demo" "$@" >"$work/out" 2>"$work/err" &
    session=$!
}

wait_for() {
    local text=$1
    for _ in {1..300}; do
        grep -q "$text" "$work/out" && return
        kill -0 "$session" 2>/dev/null || break
        sleep 0.1
    done
    complain "'$text' was never printed"
}

complaints=
complain() { complaints+="  $*"$'\n'; }

# The demo's exit status is $1, and nothing is left.
ends_with() {
    local status=0 left
    wait "$session" || status=$?
    [ "$status" = "$1" ] || complain "exit status $status, not $1"
    left=$(processes_of_session "$session")
    if [ -n "$left" ]; then
        complain "processes left: ${left//$'\n'/ }"
        kill_session
    fi
    left=$(ls -A "$work/tmp")
    [ -z "$left" ] || complain "files left: $left"
    session=
}

says() { grep -qE -- "$2" "$work/$1" || complain "no line like '$2' on its std$1"; }

case_done() {
    if [ -z "$complaints" ]; then
        echo "ok - $1"
        passed=$((passed + 1))
    else
        printf 'FAILED - %s\n%s' "$1" "$complaints"
        sed 's/^/  out: /' "$work/out"
        sed 's/^/  err: /' "$work/err"
        failed=$((failed + 1))
    fi
    complaints=
}

start --once
ends_with 0
says out '^proof: [0-9]{5,} bytes sent through smtps were read back through pop3s'
says out '^smtps  127\.0\.0\.1:1[0-9]{4} +smtp +implicit'
says out '^  curl --cacert .* pop3s://127\.0\.0\.1:1[0-9]{4}/1 --user demo:any$'
says out 'ends here\. Without --once it keeps running'
says out 'Stopped; nothing is left behind'
! grep -q 'from another terminal\|^configuration' "$work/out" || complain "it tells to use what is gone"
case_done "the built-in demo proves itself"

for signal in INT TERM; do
    start
    wait_for 'Running until Ctrl-C'
    kill -$signal "$session"
    ends_with 0
    case_done "a running demo ends on $signal"
done

start
wait_for 'Running until Ctrl-C'
eval "$(grep '^  printf' "$work/out")" >/dev/null 2>&1 || complain "the printed smtps command fails"
eval "$(grep '^  curl .*pop3s' "$work/out")" >"$work/read" 2>/dev/null ||
    complain "the printed pop3s command fails"
grep -q '^Subject: hello' "$work/read" || complain "the printed commands do not carry a message"
kill -INT "$session"
ends_with 0
case_done "the printed commands work"

"$DEMO_MAILBOX" 127.0.0.1:0 '[::1]:0' >"$work/mailbox" &
mailbox=$!
for _ in {1..100}; do
    grep -q '^pop3' "$work/mailbox" && break
    sleep 0.05
done
smtp=$(sed -n 's/^smtp //p' "$work/mailbox")
pop3=$(sed -n 's/^pop3 //p' "$work/mailbox")

start --once --upstream "pop3=$pop3" --upstream="smtp=$smtp" --upstream "tcp=$smtp"
ends_with 0
says out '^proof: pop3s: .* greeted with: \+OK demo mailbox$'
says out '^proof: smtps: .* greeted with: 220 demo.invalid'
says out '^proof: tcps: TLS handshake done, certificate verified$'
case_done "given servers are fronted"

start --once --upstream "smtp=$pop3"
ends_with 1
says err 'should greet as smtp does, but this came'
case_done "a server of another protocol is told"

kill "$mailbox"
wait "$mailbox" || complain "demo-mailbox ended with status $?"
mailbox=
start --once --upstream "pop3=$pop3"
ends_with 1
says err 'should greet as pop3 does, but this came: -ERR'
case_done "a server that is down is told"

start_in() {
    mkdir -p "$work/tmp"
    TMPDIR=$1 setsid env --default-signal=INT "$demo" --once >"$work/out" 2>"$work/err" &
    session=$!
}

long=$work/$(printf 'x%.0s' {1..90})
mkdir "$long"
start_in "$long"
ends_with 0
says err 'is too long for the path of a Unix socket; using /tmp'
says out '^proof: '
[ -z "$(ls -A "$long")" ] || complain "files left in TMPDIR"
case_done "a TMPDIR that is too long for sockets is told, and done without"

start_in "$work/nowhere"
ends_with 1
says err 'cure: see that .*/nowhere is there'
case_done "a TMPDIR that is not there is told"

for wrong in pop4=localhost:110 pop3 pop3=localhost 'pop3="x":1'; do
    start --once --upstream "$wrong"
    ends_with 2
    says err 'PROTOCOL=HOST:PORT is expected'
    case_done "--upstream $wrong is refused"
done

echo "$passed passed, $failed failed"
[ $failed = 0 ]
