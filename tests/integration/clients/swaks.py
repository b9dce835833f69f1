"""swaks: the message as a file, the certificate verified."""

import subprocess


def harmless(text):
    """swaks takes a backslash for the beginning of something."""
    return text.replace(b"\\", b"/")


def run(pki, port, *extra, sender, recipient, folder, text):
    # swaks ends the last line by itself.
    file = folder / "swaks.eml"
    file.write_bytes(text.removesuffix(b"\r\n"))
    done = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(port), "--ehlo", "client.test",
         "--tls", "--tls-verify", "--tls-ca-path", str(pki.trust), "--tls-sni", "mail.example.test",
         "--from", sender, "--to", recipient, "--data", f"@{file}", *extra],
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"swaks: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout
