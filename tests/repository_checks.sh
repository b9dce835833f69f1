#!/bin/bash
# repository_checks.sh - rules of the house that no compiler checks. ./dev test runs it.
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0

# What git knows or would add, and still exists.
files() {
    git ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r file; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

# check WHAT CURE COMMAND... : what the command prints are the offences.
check() {
    local what=$1 cure=$2 offences
    shift 2
    offences=$("$@") || true
    if [ -z "$offences" ]; then
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    printf 'FAILED - %s\n  cure: %s\n' "$what" "$cure"
    head -n 40 <<<"  ${offences//$'\n'/$'\n'  }"
}

# grep over files; finding nothing is no error. Arguments: pattern, then file patterns.
matches() {
    local pattern=$1
    shift
    files "$@" | xargs -r -d '\n' grep -HnaE -e "$pattern" || true
}

private_keys() { matches '^-----BEGIN [A-Z ]*PRIVATE KEY-----.?$' | cut -c -100; }

registry_hosts() {
    matches '(deb|ftp|security|snapshot|incoming|cdn-fastly)[a-z.-]*\.debian\.(org|net)' | cut -c -160
    matches '(registry\.(npmjs|yarnpkg)|pypi|pythonhosted|static\.crates|proxy\.golang|rubygems)\.(org|io|com)' |
        cut -c -160
}

machine_paths() { matches '(/wor[k]/(main|shared|\.library)|/tmp/(m[b]|buil[d]-))' | cut -c -160; }

keys() { sed -n '/^static const struct key /,/^};/s/^    {"\([a-z0-9-]*\)", .*/\1/p' config/schema.c; }

starttls_protocols() {
    awk -F '"' '/\.name = "/ { name = $2 } /\.has_starttls = true/ { print name }' config/protocol.c
}

# manual PAGE: as one line.
manual() { tr -s '\n\t ' ' ' <"docs/$1.scd"; }

# The ends of sessions: a fault and the words, on a line each. The words of these two are the engine's.
ends() {
    tr -s '\n ' ' ' <proxy/session/ends.c | grep -oE '\[END_[A-Z0-9_]+\] = \{FAULT_[A-Z]+, "[^"]+"' |
        grep -vE '\[END_(TLS_FAILED|UPSTREAM_TLS)\]' | sed 's/.*{FAULT_//; s/, "/ /; s/"$//; s/^LOCAL/TLSFRONT/' | sort -u
}

# manual_ends FAULT: what tlsfront(8) says of the ends whose doing that is.
manual_ends() {
    awk '/^\*end\*$/ { inside = 1; next } /^##? / { inside = 0 } inside' docs/tlsfront.8.scd | tr -d '\t' |
        awk -v RS= '{ gsub("\n", " "); print }' | grep "^\*$1\*: "
}

refusal_words() { sed -n 's/.*\[REFUSE_[A-Z_]*\] = "\(.*\)".*/\1/p' proxy/starttls/dialogue.c; }

# kinds NAME: the values of such a label. A session that lingers has ended, so no log says that.
kinds() { grep -oE "\[$1_[A-Z_]+\] = \"[a-z_]+\"" proxy/ipc/kinds.c | sed 's/.* "//; s/"//' | grep -vx linger; }

json_fields() {
    grep -hoE '\<json_[a-z]+\([a-z>-]+, "[^"]+"' proxy/supervisor/status_json.c proxy/load/check_json.c \
        proxy/routes/{route,certificate}_json.c | sed 's/.* "//; s/"$//' | sort -u
}

tables_not_understood() {
    [ -n "$(keys)" ] || echo "no keys were found in config/schema.c"
    [ -n "$(starttls_protocols)" ] || echo "no protocols were found in config/protocol.c"
    [ -n "$(ends)" ] || echo "no ends were found in proxy/session/ends.c"
    [ -n "$(manual_ends client)" ] || echo "no ends were found in docs/tlsfront.8.scd"
    [ -n "$(refusal_words)" ] || echo "no words of refusals were found in proxy/starttls/dialogue.c"
    [ -n "$(kinds STAGE)" ] && [ -n "$(kinds REFUSAL)" ] || echo "no names were found in proxy/ipc/kinds.c"
    [ -n "$(json_fields)" ] || echo "no fields of JSON were found"
}

undocumented_keys() {
    local key manual=docs/tlsfront.conf.5.scd
    [ -e $manual ] || return 0
    for key in $(keys); do
        grep -qE "\*$key( |\*)" $manual || echo "$key"
    done
}

# A sentence about what the client did needs no place of its own there.
undocumented_ends() {
    local fault words
    ends | while read -r fault words; do
        [[ "$fault $words" != "CLIENT the client"* ]] || continue
        manual_ends "${fault,,}" | grep -qF "\"$words\"" || echo "*${fault,,}*: \"$words\""
    done
}

undocumented_refusals() {
    local words
    refusal_words | while IFS= read -r words; do
        manual tlsfront.conf.5 | grep -qF "\"$words\"" || echo "$words"
    done
}

undocumented_names() {
    local name
    for name in $(kinds STAGE) $(kinds REFUSAL) $(json_fields); do
        manual tlsfront.8 | grep -qF "*$name*" || echo "$name"
    done
}

keys_not_fuzzed() {
    local key
    for key in $(keys); do
        grep -qxF "\"$key\"" tests/fuzz/config_text.dict || echo "$key"
    done
}

protocols_not_fuzzed() {
    local protocol
    for protocol in $(starttls_protocols); do
        [ -n "$(files "tests/fuzz/corpus/starttls_$protocol/*")" ] && [ -f "tests/fuzz/fuzz_starttls_$protocol.c" ] ||
            echo "$protocol"
    done
}

scripts() { files | xargs -r -d '\n' grep -lE '^#!(/bin/(ba)?sh|/usr/bin/env bash)' -- || true; }

broken_scripts() { scripts | while IFS= read -r file; do bash -n "$file" 2>&1 || true; done; }

scripts_not_executable() { scripts | while IFS= read -r file; do [ -x "$file" ] || echo "$file"; done; }

# Each version of clang-format has its own mind; the judge is Debian 12's.
unformatted() {
    clang-format --version 2>/dev/null | grep -q 'version 14\.' || return 0
    files '*.c' '*.h' | xargs -r -d '\n' clang-format --dry-run -Werror 2>&1 |
        sed -n 's/:[0-9]*:[0-9]*: error:.*//p' | sort -u || true
}

# unit_figure: how exposed docs/sandbox.md says that it is.
unit_figure() { sed -n 's/^| tlsfront\.service | \([0-9.]*\) |$/\1/p' docs/sandbox.md; }

# Another program stands for the daemon, which need not be installed.
unit_mistakes() (
    command -v systemd-analyze >/dev/null || return 0
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    sed 's|^\(Exec[A-Za-z]*=\)[^ ]*|\1/bin/true|' docs/tlsfront.service >"$copy/tlsfront.service"
    cp docs/packaging/tlsfront.socket "$copy"
    systemd-analyze verify --man=no "$copy"/tlsfront.* 2>&1 | grep -E 'tlsfront\.(service|socket)'
)

# Each version of systemd has its own mind, too.
unit_exposed() {
    local now
    systemd-analyze --version 2>/dev/null | grep -q '^systemd 252 ' || return 0
    now=$(systemd-analyze security --offline=true docs/tlsfront.service |
        sed -n 's/.*Overall exposure level .*: \([0-9.]*\) .*/\1/p')
    [ "$now" = "$(unit_figure)" ] || echo "it is \"$now\", and docs/sandbox.md has \"$(unit_figure)\""
}

check "no private key is in the repository" "make keys at test time" private_keys
check "no package archive's host is named" "take it from the machine's own configuration" registry_hosts
check "no path of one machine is named" "derive it" machine_paths
check "nobody knows whom its list does not name" "see house_library() in CMakeLists.txt" tests/borders
check "the check of the borders finds what is planted" "mend tests/borders" tests/borders --self-test
check "the check of circles finds what is planted" "mend tests/circles" tests/circles --self-test
check "the tables of keys and protocols are found" "their form has changed: mend this script" tables_not_understood
check "every key is in tlsfront.conf(5)" "document it in docs/tlsfront.conf.5.scd" undocumented_keys
check "every end of a session is in tlsfront(8), by its fault" "name it under *end* in docs/tlsfront.8.scd" undocumented_ends
check "the words of every refusal are in tlsfront.conf(5)" "name them in docs/tlsfront.conf.5.scd" undocumented_refusals
check "stages, reasons of refusals and fields of JSON are in tlsfront(8)" "name them in docs/tlsfront.8.scd" \
    undocumented_names
check "the fuzzer knows every key" "add it to tests/fuzz/config_text.dict" keys_not_fuzzed
check "every STARTTLS protocol is fuzzed" "add tests/fuzz/fuzz_starttls_NAME.c and its corpus" protocols_not_fuzzed
check "systemd understands the unit and the example of a socket" "systemd-analyze verify" unit_mistakes
check "the unit is as exposed as we say" "systemd-analyze security names what was opened" unit_exposed
check "scripts parse" "bash -n FILE" broken_scripts
check "scripts are executable" "chmod +x FILE" scripts_not_executable
check "C sources are in the house's form" "./dev format" unformatted

echo "$passed passed, $failed failed"
[ $failed = 0 ]
