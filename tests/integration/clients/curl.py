"""curl, with our authority as the only one it trusts."""

import subprocess

VERSIONS = {"1.2": ["--tlsv1.2", "--tls-max", "1.2"], "1.3": ["--tlsv1.3"], None: []}


def run(pki, version, url, *extra, text=None):
    done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "60", "--cacert",
                           str(pki.trust), *VERSIONS[version], url, *map(str, extra)],
                          input=text, capture_output=True, check=False)
    assert done.returncode == 0, f"curl: {done.returncode}: {done.stderr.decode()}"
    return done.stdout
