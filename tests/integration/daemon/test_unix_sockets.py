"""Unix sockets on both sides, and IPv6."""

import os
import socket

import pytest

from clients import tls
from harness.config import route
from harness.wait import wait_until
from servers import toy


def test_clients_come_in_by_a_unix_socket(fronts, run, pki, toys, version):
    path = run.make_folder(f"unix-in-{version}") / "front.sock"
    front = fronts.start(pki.mail.block(), route("unix", f"unix:{path}", toys(toy.echo).port))
    with tls.TlsClient(path, tls.context(pki, version)) as client:
        assert tls.says(client)
    ended = front.wait_for_log("end", route="unix")
    assert ended["fault"] == "none"
    assert "client" in ended
    front.terminate()
    assert not path.exists()


def test_the_upstream_is_a_unix_socket(fronts, run, pki, toys, version):
    path = run.make_folder(f"unix-out-{version}") / "server.sock"
    port = run.port()
    upstream = toys(toy.echo, path)
    front = fronts.start(pki.mail.block(), route("unix", port, f"unix:{path}"))
    with tls.TlsClient(port, tls.context(pki, version)) as client:
        assert tls.says(client)
    assert front.wait_for_log("end", route="unix")["upstream"] == f"unix:{path}"
    assert upstream.accepted == 1


@pytest.fixture
def full(run, request):
    """A server whose queue of connections is full: it, its path, and those who wait there."""
    path = run.make_folder(f"unix-full-{request.node.name}") / "server.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        os.chmod(path, 0o777)
        server.listen(1)
        waiting = []
        while len(waiting) < 20:
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            if waiting[-1].connect_ex(str(path)) != 0:
                break
        assert len(waiting) < 20
        yield server, path
        for one in waiting:
            one.close()


def test_an_upstream_with_a_full_queue_is_waited_for(fronts, run, pki, full):
    server, path = full
    port = run.port()
    front = fronts.start(pki.mail.block(), route("unix", port, f"unix:{path}"))
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.send(b"question")
        wait_until(lambda: front.active("unix") == 1, "the session")
        server.settimeout(30)
        heard = b""
        while heard != b"question":  # those who filled the queue come first
            connection, _ = server.accept()
            with connection:
                connection.settimeout(0.2)
                try:
                    heard = connection.recv(100)
                except TimeoutError:
                    continue
                connection.sendall(b"answer")
        assert client.read_all() == b"answer"
    assert front.log("upstream-failed") == []


def test_an_upstream_whose_queue_stays_full_is_given_up(fronts, run, pki, toys, full):
    port, second = run.port(), toys(toy.echo)
    front = fronts.start(pki.mail.block(), route("unix", port, [f"unix:{full[1]}", second.port],
                                                 connect_timeout="300ms"))
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
    failed = front.wait_for_log("upstream-failed")
    assert failed["why"] == "connect timeout: its queue of connections is full"
    assert failed["upstream"] == f"unix:{full[1]}"


def comes(server):
    """Does anybody?"""
    server.settimeout(0.5)
    try:
        server.accept()[0].close()
        return True
    except TimeoutError:
        return False


def wait_for_newcomer(front, pki, port, server):
    """Until one who is alone is sent to `server`, where nobody waits any more."""
    while comes(server):
        pass

    def came():
        wait_until(lambda: front.active("unix") == 0, "the one before to be gone")
        with tls.TlsClient(port, tls.context(pki)):
            return comes(server)

    wait_until(came, "a session there")


@pytest.mark.parametrize("how", ["resets", "moves"])
def test_one_never_let_in_is_not_counted(fronts, run, pki, toys, full, how):
    """By `balance = least`: of two without sessions the first is next."""
    server, path = full
    port, second = run.port(), toys(toy.echo)
    front = fronts.start(pki.mail.block(), workers=1, *(
        route("unix", port, [f"unix:{path}", second.port], balance="least",
              connect_timeout="60s" if how == "resets" else "300ms"),))
    for _ in range(3):
        with tls.TlsClient(port, tls.context(pki)) as client:
            if how == "moves":
                assert tls.says(client)
            else:
                wait_until(lambda: front.active("unix") == 1, "the session")
                client.reset()
        wait_until(lambda: front.active("unix") == 0, "its end")
    wait_for_newcomer(front, pki, port, server)


def let_in(server):
    """One of those who wait, if there is one."""
    server.setblocking(False)
    try:
        server.accept()[0].close()
    except BlockingIOError:
        pass
    return True


def test_a_visit_waits_for_a_full_queue_too(fronts, run, pki, full):
    server, path = full
    front = fronts.start(pki.mail.block(), route("unix", run.port(), f"unix:{path}",
                                                 health_check="500ms", connect_timeout="300ms"))
    down = front.wait_for_log("upstream-down")
    assert down["why"] == "connect timeout: its queue of connections is full"
    assert down["upstream"] == f"unix:{path}"
    wait_until(lambda: let_in(server) and front.log("upstream-up"), "a visit that is let in")


def test_a_queue_that_is_full_for_a_moment_takes_nobody_down(fronts, run, pki, full):
    server, path = full
    front = fronts.start(pki.mail.block(),
                         route("unix", run.port(), f"unix:{path}", health_check="1h", connect_timeout="60s"))

    def is_up():
        return [one["state"] for one in front.route_status("unix")["upstreams"]] == ["up"]

    wait_until(lambda: let_in(server) and is_up(), "a visit that is let in")
    assert front.log("upstream-down") == []


def test_half_close_crosses_unix_sockets_too(fronts, run, pki, toys, version):
    folder = run.make_folder(f"unix-both-{version}")
    received = []
    toys(toy.collector(received, b"answer"), folder / "server.sock")
    fronts.start(pki.mail.block(),
                 route("unix", f"unix:{folder}/front.sock", f"unix:{folder}/server.sock"))
    with tls.TlsClient(folder / "front.sock", tls.context(pki, version)) as client:
        client.send(b"question")
        client.close_notify()
        assert client.read_all() == b"answer"
    assert received == [b"question"]


def test_the_directory_that_is_made_for_the_control_socket_will_do(fronts, run, pki, toys):
    directory = run.make_folder("unix-run") / "run"
    blocks = pki.mail.block(), route("unix", f"unix:{directory}/front.sock", toys(toy.echo).port)
    front = fronts.new()
    front.write(*blocks, control=directory / "control.sock")
    assert front.check().stderr == ""
    fronts.start(*blocks, control=directory / "control.sock")
    with tls.TlsClient(directory / "front.sock", tls.context(pki)) as client:
        assert tls.says(client)


def test_a_stale_socket_file_is_no_obstacle(fronts, run, pki, toys):
    path = run.make_folder("unix-stale") / "front.sock"
    blocks = pki.mail.block(), route("unix", f"unix:{path}", toys(toy.echo).port)
    first = fronts.start(*blocks)
    first.workers()
    first.send(9)
    first.process.wait()
    first.finished = True
    assert path.exists()
    fronts.start(*blocks)
    with tls.TlsClient(path, tls.context(pki)) as client:
        assert tls.says(client)


def test_a_unix_socket_survives_reloads(fronts, run, pki, toys):
    path = run.make_folder("unix-reload") / "front.sock"
    front = fronts.start(pki.mail.block(), route("unix", f"unix:{path}", toys(toy.echo).port))
    with tls.TlsClient(path, tls.context(pki)) as old:
        for _ in range(3):
            assert front.reload().returncode == 0
            with tls.TlsClient(path, tls.context(pki)) as new:
                assert tls.says(new)
        assert tls.says(old)


def test_ipv6_on_both_sides(fronts, run, pki, toys, version):
    port = run.port()
    upstream = toys(toy.echo, ("::1", 0))
    front = fronts.start(pki.mail.block(),
                         route("six", f"[::1]:{port}", f"[::1]:{upstream.port}"))
    with tls.TlsClient(port, tls.context(pki, version), host="::1") as client:
        assert tls.says(client)
    ended = front.wait_for_log("end", route="six")
    assert ended["client"].startswith("[::1]:")
    assert ended["upstream"] == f"[::1]:{upstream.port}"


def test_a_port_alone_means_all_addresses(fronts, run, pki, toys):
    port = run.port()
    fronts.start(pki.mail.block(), route("all", f":{port}", toys(toy.echo).port))
    for host in ("127.0.0.1", "127.0.0.9", "::1"):
        with tls.TlsClient(port, tls.context(pki), host=host) as client:
            assert tls.says(client)


def test_a_route_may_listen_in_several_places(fronts, run, pki, toys):
    path = run.make_folder("unix-several") / "front.sock"
    ports = [run.port(), run.port()]
    fronts.start(pki.mail.block(),
                 route("several", [*ports, f"unix:{path}"], toys(toy.echo).port))
    for place in [*ports, path]:
        with tls.TlsClient(place, tls.context(pki)) as client:
            assert tls.says(client)


@pytest.mark.parametrize("mode", ["tcp", "unix"])
def test_the_stopped_daemon_frees_its_address_at_once(fronts, run, pki, toys, mode):
    place = run.port() if mode == "tcp" else f"unix:{run.make_folder('unix-again')}/front.sock"
    blocks = pki.mail.block(), route("again", place, toys(toy.echo).port)
    for _ in range(3):
        front = fronts.start(*blocks)
        where = place if mode == "tcp" else place[5:]
        with tls.TlsClient(where, tls.context(pki)) as client:
            assert tls.says(client)
        front.terminate()
