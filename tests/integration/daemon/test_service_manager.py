"""What systemd expects of a service: watchdog, word of a reload, sockets that it has bound."""

import contextlib
import re
import socket
import sys

import pytest

from clients import tls
from harness.config import route
from harness.daemon import STATUS_CONFIG_WRONG
from servers import toy

# Binds what it is told to (TYPE:ADDRESS:PORT, or a path), becomes the daemon, and has the sockets where
# sd_listen_fds(3) says that they are.
MANAGER = """
import os, socket, sys
names, *sockets = sys.argv[1].split(",")
made = []
for text in sockets:
    kind, host, port = text.split("|")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    s = socket.socket(socket.AF_UNIX if host.startswith("/") else family, getattr(socket, "SOCK_" + kind))
    s.bind(host if host.startswith("/") else (host, int(port)))
    if kind == "STREAM":
        s.listen(16)
    made.append(s)
away = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(made)]
for i, fd in enumerate(away):
    os.dup2(fd, 3 + i)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(made)), "LISTEN_FDNAMES": names}
os.closerange(100, 100 + len(made))
os.execv(sys.argv[2], sys.argv[2:])
"""


def given(names, *sockets):
    return sys.executable, "-c", MANAGER, ",".join((":".join(names), *sockets))


def stream(port, host="127.0.0.1"):
    return f"STREAM|{host}|{port}"


@contextlib.contextmanager
def manager_of(front, **environment):
    """The other end of NOTIFY_SOCKET."""
    path = front.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(60)
        front.wrapper = ("env", f"NOTIFY_SOCKET={path}",
                         *(f"{name}={value}" for name, value in environment.items()))
        front.start_unchecked()
        yield manager


def next_but(manager, word):
    while (heard := manager.recv(4096).decode()) == word:
        pass
    return heard


def test_the_watchdog_is_fed_for_as_long_as_the_daemon_lives(fronts, run, pki, toys):
    front = fronts.new(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    # The socket holds ten words, and the daemon does not wait for who is late.
    with manager_of(front, WATCHDOG_USEC=1000000) as manager:
        assert next_but(manager, "WATCHDOG=1").startswith("READY=1")
        assert [manager.recv(100) for _ in range(5)] == [b"WATCHDOG=1"] * 5
        front.reload()
        assert next_but(manager, "WATCHDOG=1").startswith("RELOADING=1")
        assert next_but(manager, "WATCHDOG=1").startswith("READY=1")
        assert manager.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("environment", [{}, {"WATCHDOG_USEC": 0}, {"WATCHDOG_USEC": 1000, "WATCHDOG_PID": 1}])
def test_a_watchdog_that_is_not_ours_is_not_fed(fronts, run, pki, toys, environment):
    front = fronts.new(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    with manager_of(front, **environment) as manager:
        assert manager.recv(4096).startswith(b"READY=1")
        front.reload()
        assert manager.recv(4096).startswith(b"RELOADING=1")
        assert manager.recv(4096).startswith(b"READY=1")


def test_a_reload_is_told_in_the_words_of_notify_reload(fronts, run, pki, toys):
    """Also one that is refused: the manager waits for READY=1."""
    front = fronts.new(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    with manager_of(front) as manager:
        assert manager.recv(4096).startswith(b"READY=1\nSTATUS=")
        for text, words in (("", "generation 2"), ("nonsense = 1\n", "reload refused")):
            front.write(pki.mail.block(), route("one", run.port(), toys(toy.echo).port), text)
            front.reload()
            assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=[1-9]\d*", manager.recv(4096).decode())
            assert re.fullmatch(rf"READY=1\nSTATUS=.*{words}.*", manager.recv(4096).decode())


def test_routes_listen_on_the_sockets_of_the_manager(fronts, run, pki, toys, version):
    path = run.make_folder(f"given-{version}") / "front.sock"
    first, own = run.port(), run.port()
    front = fronts.new(pki.mail.block(), workers=2)
    upstream = toys(toy.echo).port
    front.write(pki.mail.block(), route("first", [f"127.0.0.1:{first}", f"unix:{path}"], upstream),
                route("own", own, upstream))
    front.wrapper = given(("first", "tlsfront.socket"), stream(first), stream(0, path))
    front.start_unchecked()
    for _ in range(6):
        for where in (first, path, own):
            with tls.TlsClient(where, tls.context(pki, version)) as client:
                assert tls.says(client)
    front.reload()
    with tls.TlsClient(first, tls.context(pki, version)) as client:
        assert tls.says(client)
    front.terminate()
    assert path.exists()  # it is the manager's


def test_a_socket_that_no_route_has_is_warned_of(fronts, run, pki, toys):
    port, other = run.port(), run.port()
    front = fronts.new(pki.mail.block(), route("one", port, toys(toy.echo).port))
    front.wrapper = given(("tlsfront.socket", "tlsfront.socket"), stream(port), stream(other))
    front.start_unchecked()
    reloaded = front.reload()
    assert reloaded.returncode == 0
    assert f"the service manager listens on 127.0.0.1:{other}, and no route does" in reloaded.stdout


@pytest.mark.parametrize("sockets, why, status", [
    ("DGRAM|127.0.0.1|{other}", "is no stream socket", STATUS_CONFIG_WRONG),
    ("STREAM|::|{other}", "is for IPv6 and IPv4 at once", STATUS_CONFIG_WRONG),
    ("STREAM|127.0.0.1|{other}", "route one does not listen on 127.0.0.1:{other}", 1)])
def test_a_socket_that_does_not_fit_is_refused_with_words(fronts, run, pki, toys, sockets, why, status):
    other = run.port()
    front = fronts.new(pki.mail.block(), route("one", run.port(), toys(toy.echo).port))
    front.wrapper = given(("one",), sockets.format(other=other))
    process = run.start("refused", [*front.wrapper, front.binary, "run", "-c", front.file],
                        log=front.folder / "refused.log")
    assert process.wait(60) == status
    text = (front.folder / "refused.log").read_text()
    assert why.format(other=other) in text and "cure:" in text
