"""fetchmail: what it fetches goes through a program, as it lay in the mailbox."""

import os
import subprocess

from servers.common import PASSWORD

# A Received line on top would be fetchmail's own; the rest passes through as text with bare LF.
SETTINGS = """
set no bouncemail
set no spambounce
poll 127.0.0.1 protocol {protocol} service {port} auth password
    username "{user}" password "{password}"
    sslproto "TLS1.2+" sslcertck sslcertfile "{trust}" sslcommonname "mail.example.test"
    no rewrite no keep fetchall no mimedecode mda "/bin/cat >> {out}"
"""


def run(pki, folder, protocol, port, user):
    """Fetch and delete all. Returns what came and what was said."""
    settings, out = folder / f"fetchmailrc-{user}", folder / f"fetched-{user}"
    settings.write_text(SETTINGS.format(protocol=protocol, port=port, user=user, out=out,
                                        password=PASSWORD, trust=pki.trust))
    os.chmod(settings, 0o700)
    done = subprocess.run(
        ["fetchmail", "-v", "-f", settings, "--pidfile", folder / f"fetchmail-{user}.pid",
         "--idfile", folder / f"fetchmail-{user}.ids"],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)})
    assert done.returncode == 0, f"fetchmail: {done.returncode}: {done.stdout}{done.stderr}"
    return out.read_bytes(), done.stdout
