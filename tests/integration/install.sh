#!/bin/bash
# install.sh - what packages.txt leaves out because apt-get alone cannot install it: INN.
#
# The package's post-installation asks for this machine's domain name and fails where there is none,
# as in most containers; a half-configured package then breaks every later apt-get. INNCONF names
# another inn.conf for it, one that has a domain; the system's own file is not touched.
# Run after packages.txt is installed. Doing it twice is harmless; no service is started.
set -euo pipefail

state() { dpkg-query -W -f='${db:Status-Status}' inn2 2>/dev/null || true; }

[ "$(state)" != installed ] || exit 0
if [ "$(id -u)" != 0 ]; then
    exec sudo "$0" "$@"
fi

tmp=$(mktemp -d)
policy=/usr/sbin/policy-rc.d
own_policy=
cleanup() {
    rm -rf "$tmp"
    [ -z "$own_policy" ] || rm -f "$policy"
}
trap cleanup EXIT

if [ ! -e "$policy" ]; then
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

chmod 755 "$tmp"
cat >"$tmp/inn.conf" <<'END'
domain:         example.test
pathhost:       news.example.test
mta:            "/usr/sbin/sendmail -oi -oem %s"
hismethod:      hisv6
ovmethod:       tradindexed
pathnews:       /usr/lib/news
pathdb:         /var/lib/news
pathetc:        /etc/news
pathlog:        /var/log/news
pathrun:        /run/news
pathspool:      /var/spool/news
END
DEBIAN_FRONTEND=noninteractive INNCONF=$tmp/inn.conf \
    apt-get install -y --no-install-recommends inn2

if [ "$(state)" != installed ]; then
    echo "install.sh: inn2 is '$(state)' after its installation; see: dpkg --audit" >&2
    exit 1
fi
