# container.sh - a small Debian that boots in a container (systemd-nspawn), for tests of what systemd and dpkg do with
# tlsfront. Sourced, as root, by tests/service/run and tests/package/run. What is done to this machine is gone when they
# end; the systems stay in build/, for the next time.
# shellcheck shell=bash

container_die() {
    printf '%s: %s\n' "$0" "$@" >&2
    exit 1
}

for program in debootstrap systemd-nspawn; do
    command -v "$program" >/dev/null ||
        container_die "there is no $program" "cure: apt-get install debootstrap systemd-container"
done

container_release() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

# From where this machine takes its packages; its own release is what it surely has.
container_mirror() {
    apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" "Codename: $(container_release)" | head -n 1
}

# container_make RELEASE ROOT PACKAGE...: a system with these packages, unless it is there.
container_make() {
    local release=$1 root=$2 packages
    shift 2
    [ ! -d "$root" ] || return 0
    packages=$(IFS=, && echo "$*")
    rm -rf "$root.new"
    mkdir -p "$(dirname "$root")"
    echo "making the container's system: $root"
    debootstrap --variant=minbase --include="$packages" "$release" "$root.new" "$(container_mirror)" \
        >"$root.log" 2>&1 || container_die "debootstrap failed: $root.log"
    mv "$root.new" "$root"
}

container_cgroups=()

# Where no systemd runs, nobody makes a control group for the container, or removes it.
container_own_cgroups() {
    local at
    for at in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        [ -e "$at/cgroup.procs" ] || continue
        mkdir "$at/tlsfront-container.$$"
        container_cgroups+=("$at/tlsfront-container.$$")
        echo $BASHPID >"$at/tlsfront-container.$$/cgroup.procs"
    done
}

container_clean() {
    local at
    for at in ${container_cgroups[@]+"${container_cgroups[@]}"}; do
        echo $BASHPID >"${at%/*}/cgroup.procs"
        find "$at" -depth -type d -exec rmdir {} +
    done
    container_cgroups=()
    [ -d /run/systemd/system ] || rmdir /run/systemd/nspawn/propagate/* /run/systemd/nspawn/* /run/systemd/nspawn 2>/dev/null ||
        true
}

# container_do ROOT COMMAND...: in that system, which is not booted and keeps what is done to it; the network is this
# machine's.
container_do() {
    # Without a systemd on this machine it leaves a mount point, and says so.
    systemd-nspawn --register=no --keep-unit --quiet --console=pipe --directory="$1" "${@:2}" </dev/null \
        2> >(grep -v 'Attempted to remove disk file system' >&2)
}

# container_boot ROOT SECONDS OPTION...: nothing that happens in there is written to ROOT. It ends by itself, with the
# status of tests/support/inside.service, whose ExecStart is /test/inside; what that says is in /result/log.
container_boot() {
    local root=$1 seconds=$2 result status=0 how=(--register=no)
    shift 2
    result=$(mktemp -d)
    if [ ! -d /run/systemd/system ]; then
        container_own_cgroups
        how+=(--keep-unit)
    fi
    # Without being told, nspawn allows no Landlock.
    timeout --foreground -k 30 "$seconds" systemd-nspawn "${how[@]}" --quiet --boot --directory="$root" --volatile=overlay \
        --machine="tlsfront-test-$$" --private-network --link-journal=no --console=pipe \
        --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
        --bind-ro="$(dirname "${BASH_SOURCE[0]}")/inside.service:/etc/systemd/system/inside.service" \
        --bind="$result:/result" "$@" systemd.wants=inside.service </dev/null >"$result/console" 2>&1 || status=$?
    cat "$result/log" 2>/dev/null || cat "$result/console"
    rm -rf "$result"
    container_clean
    return $status
}
