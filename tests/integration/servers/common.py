"""What the real servers share."""

import shutil
import socket

from harness.wait import wait_until

# The owner of all mailboxes: a number without an account, so that nothing else has it.
MAIL_OWNER = 30000
MAIL_DOMAIN = "example.test"
MAILBOXES = [f"box{n}" for n in range(1, 1000)]
PASSWORD = "wonderland"


def program(name, package, *places):
    """The path of a server's program. A missing one fails the test: it is never skipped."""
    found = shutil.which(name, path=":".join(places or ("/usr/sbin", "/usr/bin")))
    if found is None:
        raise AssertionError(f"{name} is not installed: see packages.txt and install.sh "
                             f"(Debian package {package})")
    return found


def greeting(port):
    """The first bytes that a server says by itself, b"" when it does not answer yet. An SMTP server
    would complain of whoever leaves without a word, perhaps when a test looks at its log."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as connection:
            connection.settimeout(5)
            said = connection.recv(512)
            if said.startswith(b"220 "):
                connection.sendall(b"QUIT\r\n")
                while connection.recv(512):
                    pass
            return said
    except OSError:
        return b""


def wait_for_greeting(server, port, start):
    def ready():
        if not server.running():
            raise AssertionError(f"{server.name} ended while starting:\n{server.text()}")
        return greeting(port).startswith(start)

    wait_until(ready, f"{server.name} to greet on port {port}", 30)


def wait_for_port(server, port):
    def ready():
        if not server.running():
            raise AssertionError(f"{server.name} ended while starting:\n{server.text()}")
        try:
            socket.create_connection(("127.0.0.1", port), 2).close()
        except OSError:
            return False
        return True

    wait_until(ready, f"{server.name} to listen on port {port}", 30)
