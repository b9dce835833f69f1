"""Reload: everything or nothing, no session lost, nothing leaked, the reason told to the caller."""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from clients import tls
from clients.observer import Metrics
from harness import process
from harness.config import route
from harness.daemon import STATUS_CONFIG_WRONG
from harness.load import Load
from harness.wait import wait_until
from servers import toy


@pytest.fixture
def echo(toys):
    return toys(toy.echo).port


def generation(front):
    return front.status()["generation"]


def test_sessions_outlive_reloads_and_newcomers_get_the_new_settings(fronts, run, pki, echo):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo, min_version="1.2"))
    with tls.TlsClient(port, tls.context(pki, "1.2")) as old:
        assert tls.says(old)
        front.write(pki.mail.block(), route("echo", port, echo, min_version="1.3"))
        done = front.reload()
        assert done.returncode == 0, done.stderr
        assert tls.says(old)
        with pytest.raises(tls.ssl.SSLError):
            tls.TlsClient(port, tls.context(pki, "1.2"))
        with tls.TlsClient(port, tls.context(pki, "1.3")) as new:
            assert tls.says(new)
        for _ in range(5):
            assert front.reload().returncode == 0
        assert tls.says(old)


def test_a_renewed_certificate_is_served_after_a_reload_and_not_before(fronts, run, pki, echo):
    port, folder = run.port(), run.make_folder("renewal")
    chain, key = folder / "chain.pem", folder / "key.pem"

    def put(certificate):
        shutil.copy(certificate.chain, chain)
        shutil.copy(certificate.key, key)

    def serial():
        with tls.TlsClient(port, tls.context(pki)) as client:
            return client.tls.getpeercert()["serialNumber"]

    put(pki.mail)
    block = f"certificate live {{\n    chain = {chain}\n    key = {key}\n}}\n"
    front = fronts.start(block, route("echo", port, echo, certificate=("live",)))
    assert serial() == pki.mail.serial()
    put(pki.renewed)
    assert serial() == pki.mail.serial()
    done = front.reload()
    assert done.returncode == 0
    assert "live" in done.stdout
    assert serial() == pki.renewed.serial()
    assert [c["serial"] for c in front.status()["certificates"]] == [pki.renewed.serial()]


def break_text(front, run, pki, port, echo):
    front.file.write_text(front.file.read_text() + "route echo {\n")
    return "tlsfront.conf:"


def break_key(front, run, pki, port, echo):
    front.write(pki.mail.block(), route("echo", port, echo, nonsense="yes"))
    return "nonsense"


def break_certificate(front, run, pki, port, echo):
    (run.folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                           "-----END CERTIFICATE-----\n")
    front.write(f"certificate mail {{\n    chain = {run.folder}/broken.pem\n"
                f"    key = {pki.mail.key}\n}}\n", route("echo", port, echo))
    return "broken.pem"


def break_pair(front, run, pki, port, echo):
    front.write(f"certificate mail {{\n    chain = {pki.mail.chain}\n"
                f"    key = {pki.news.key}\n}}\n", route("echo", port, echo))
    return "does not belong"


def break_file(front, run, pki, port, echo):
    front.write(pki.mail.block().replace(str(pki.mail.chain), "/no/such/file.pem"),
                route("echo", port, echo))
    return "/no/such/file.pem"


def break_validity(front, run, pki, port, echo):
    front.write(pki.expired.block(), route("echo", port, echo, certificate=("expired",)))
    return "expired"


@pytest.mark.parametrize("mistake", [break_text, break_key, break_certificate, break_pair,
                                     break_file, break_validity])
def test_a_reload_with_a_mistake_changes_nothing_and_says_why(fronts, run, pki, echo, mistake):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo))
    with tls.TlsClient(port, tls.context(pki)) as old:
        before, good = generation(front), front.file.read_text()
        reason = mistake(front, run, pki, port, echo)
        done = front.reload()
        assert done.returncode == STATUS_CONFIG_WRONG
        assert reason in done.stderr
        assert "stays in service" in done.stderr
        assert done.stdout == ""
        assert generation(front) == before
        refused = front.wait_for_log("reload-refused")
        assert refused["level"] == "error"
        assert any(reason in str(line) for line in front.log("configuration"))
        assert tls.says(old)
        with tls.TlsClient(port, tls.context(pki)) as new:
            assert tls.says(new)
        front.file.write_text(good)
        assert front.reload().returncode == 0
        assert generation(front) > before


def test_an_address_that_is_taken_refuses_the_reload(fronts, run, pki, echo, toys):
    port, taken = run.port(), toys(toy.echo).port
    front = fronts.start(pki.mail.block(), route("echo", port, echo))
    front.write(pki.mail.block(), route("echo", port, echo), route("more", taken, echo))
    done = front.reload()
    assert done.returncode == 1
    assert f"127.0.0.1:{taken}" in done.stderr
    assert "cure:" in done.stderr
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)


def is_bound(port):
    """Whether it is listened on or not."""
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
        return False


def test_an_address_that_another_takes_meanwhile_is_told_of_and_had_later(fronts, run, pki, echo):
    """Between bind() and listen(), while a worker is asked: nobody can have it for sure before."""
    port, contested = run.port(), run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo), workers=1)
    worker, = front.workers()
    os.kill(worker, signal.SIGSTOP)
    front.write(pki.mail.block(), route("echo", port, echo), route("more", contested, echo))
    answers = []
    caller = threading.Thread(target=lambda: answers.append(front.reload()))
    caller.start()
    wait_until(lambda: is_bound(contested), "the address to be bound")
    with socket.create_server(("127.0.0.1", contested)):
        os.kill(worker, signal.SIGCONT)
        caller.join()
        done, = answers
        assert done.returncode == 1
        assert f"route more: cannot listen on 127.0.0.1:{contested}: Address already in use" \
            in done.stderr
        assert "generation 2 is in service, but not on every address" in done.stderr
        assert front.wait_for_log("reload-incomplete", level="error")
        assert front.wait_for_log("accept-failed", level="warn")
        with tls.TlsClient(port, tls.context(pki)) as client:
            assert tls.says(client)
    front.wait_for_log("listening")
    with tls.TlsClient(contested, tls.context(pki)) as client:
        assert tls.says(client)
    assert front.reload().returncode == 0


def test_thousands_of_findings_do_not_hide_the_outcome(fronts, run, pki, echo):
    """Nor does a start that they refuse say nothing of them."""
    front = fronts.start(pki.mail.block(), route("echo", run.port(), echo))
    count, deep = 4300, front.folder.joinpath(*["x" * 200] * 5)  # each finding tells the place
    deep.mkdir(parents=True)
    (deep / "more.conf").write_text("".join(f"nonsense-{number} = 1\n" for number in range(count)))
    front.write(f'include("{deep}/more.conf")\n')
    done = front.reload()
    assert done.returncode == STATUS_CONFIG_WRONG
    assert len(done.stderr) > 4 << 20
    assert done.stderr.endswith("; generation 1 stays in service\n")
    front.terminate()
    done = front.command("run", "-c", front.file)
    assert done.returncode == STATUS_CONFIG_WRONG
    assert done.stderr.count(": error: ") == count
    assert done.stderr.endswith("tlsfront: the configuration has errors\n")


def test_a_refused_reload_to_standard_error_leaves_it_open(fronts, run, pki, echo):
    """While a file is logged to, the new log, standard error, is opened and not used."""
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo),
                         log=run.folder / "refused-reload.log")
    before = os.readlink(f"/proc/{front.pid}/fd/2")
    front.write(pki.mail.block(), route("echo", port, echo, nonsense=1), log=None)
    assert front.reload().returncode == STATUS_CONFIG_WRONG
    assert os.readlink(f"/proc/{front.pid}/fd/2") == before
    front.write(pki.mail.block(), route("echo", port, echo))
    assert front.reload().returncode == 0
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)


@pytest.mark.parametrize("setting", ["user", "control", "state", "log", "log_level", "workers"])
def test_an_empty_setting_is_refused_by_name_and_nothing_else_happens(fronts, run, pki, echo,
                                                                      setting):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo))
    with tls.TlsClient(port, tls.context(pki)) as old:
        good = front.file.read_text()
        front.write(pki.mail.block(), route("echo", port, echo), **{setting: ""})
        lines = front.file.read_text().splitlines()
        number = next(n for n, line in enumerate(lines, 1) if line.endswith('= ""'))
        for command in ("check", "run"):
            done = front.command(command, "-c", front.file)
            assert done.returncode == STATUS_CONFIG_WRONG
            assert f"tlsfront.conf:{number}: error: {setting.replace('_', '-')} " in done.stderr
        refused = len(front.log("reload-refused"))
        front.send(signal.SIGHUP)
        wait_until(lambda: len(front.log("reload-refused")) > refused, "the reload to be refused")
        front.file.write_text(good)
        assert tls.says(old)
        assert front.reload().returncode == 0


def test_an_upstream_without_an_address_is_warned_about(fronts, run, pki, echo):
    front = fronts.start(pki.mail.block(), route("echo", run.port(), echo))
    front.write(pki.mail.block(), route("echo", run.port(), "no-such-host.invalid:25"))
    done = front.reload()
    assert done.returncode == 0, done.stderr
    assert 'warning: route echo: upstream "no-such-host.invalid:25" has no address: ' in done.stdout
    assert "cure:" in done.stdout
    line = front.wait_for_log("configuration", level="warn")
    assert "no-such-host.invalid" in line["msg"]


def test_a_route_to_where_it_listens_is_refused(fronts, run, pki, echo):
    """In the supervisor's sandbox, which has no netlink."""
    script = "ip link set lo up; ip addr add 198.51.100.7/32 dev lo; exec \"$@\""
    front = fronts.start(pki.mail.block(), route("echo", run.port(), echo),
                         wrapper=("unshare", "--net", "sh", "-ec", script, "sh"))
    port = run.port()
    front.write(pki.mail.block(), route("echo", f":{port}", f"198.51.100.7:{port}"))
    done = front.reload()
    assert done.returncode == 78
    assert f'error: route echo: upstream "198.51.100.7:{port}" is where route echo listens' in done.stderr


def test_routes_are_opened_and_closed(fronts, run, pki, echo):
    stays, goes, comes = (run.port() for _ in range(3))
    front = fronts.start(pki.mail.block(), route("stays", stays, echo), route("goes", goes, echo))
    with tls.TlsClient(goes, tls.context(pki)) as old:
        front.write(pki.mail.block(), route("stays", stays, echo), route("comes", comes, echo))
        done = front.reload()
        assert done.returncode == 0
        assert "goes" in done.stdout and "comes" in done.stdout
        with tls.TlsClient(comes, tls.context(pki)) as new:
            assert tls.says(new)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", goes))
        assert tls.says(old), "a session of a removed route goes on"
    assert [one["name"] for one in front.status()["routes"]] == ["stays", "comes"]


def test_a_route_moves_to_another_upstream(fronts, run, pki, toys):
    port = run.port()
    first, second = toys(toy.one_line), toys(toy.echo)
    front = fronts.start(pki.mail.block(), route("echo", port, first.port))
    front.write(pki.mail.block(), route("echo", port, second.port))
    assert front.reload().returncode == 0
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
    assert (first.accepted, second.accepted) == (0, 1)


def test_the_number_of_workers_can_change(fronts, run, pki, echo):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo), workers=1)
    clients = [tls.TlsClient(port, tls.context(pki))]
    for number in (3, 1):
        front.write(pki.mail.block(), route("echo", port, echo), workers=number)
        assert front.reload().returncode == 0
        clients += [tls.TlsClient(port, tls.context(pki)) for _ in range(6)]
        assert all(tls.says(client) for client in clients)
    for client in clients:
        client.close()
    wait_until(lambda: len(front.workers()) == 1, "the retired workers to end")


def test_workers_that_are_leaving_are_called_back(fronts, run, pki, echo):
    """They still have sessions, and their part of the sockets would be nobody's."""
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo), workers=3)
    clients = []
    while any(worker["connections"] == 0 for worker in front.status()["workers"]):
        clients.append(tls.TlsClient(port, tls.context(pki)))
    before = front.workers()
    for number in (1, 3):
        front.write(pki.mail.block(), route("echo", port, echo), workers=number)
        assert front.reload().returncode == 0
    assert [worker["state"] for worker in front.status()["workers"]] == ["running"] * 3
    assert front.workers() == before
    for _ in range(20):
        with tls.TlsClient(port, tls.context(pki)) as client:
            assert tls.says(client)
    assert all(tls.says(client) for client in clients)
    for client in clients:
        client.close()
    wait_until(lambda: front.active("echo") == 0, "the sessions to end")
    assert front.workers() == before
    front.write(pki.mail.block(), route("echo", port, echo), workers=1)
    assert front.reload().returncode == 0
    wait_until(lambda: len(front.workers()) == 1, "the others to leave after all")


def test_hup_reloads(fronts, run, pki, echo):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo))
    before = generation(front)
    front.send(signal.SIGHUP)
    wait_until(lambda: generation(front) > before, "the next generation")
    assert front.wait_for_log("reloaded")


def test_many_hups_at_once_do_no_harm(fronts, run, pki, echo):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo))
    workers = front.workers()
    with tls.TlsClient(port, tls.context(pki)) as old:
        for _ in range(10):
            front.send(signal.SIGHUP)
        assert front.reload().returncode == 0
        assert tls.says(old)
        with tls.TlsClient(port, tls.context(pki)) as new:
            assert tls.says(new)
    assert front.workers() == workers


def test_what_expired_in_service_is_not_in_the_way_of_others(fronts, run, pki, echo):
    old, port = run.port(), run.port()
    expired = route("old", old, echo, certificate=("expired",))
    front = fronts.new(pki.expired.block(), pki.mail.block(), expired, route("echo", port, echo))
    assert front.check().returncode == STATUS_CONFIG_WRONG
    front.start_unchecked()
    front.write(pki.expired.block(), pki.renewed.block().replace("renewed", "mail", 1), expired,
                route("echo", port, echo))
    done = front.reload()
    assert done.returncode == 0, done.stderr
    assert "expired on" in done.stdout + done.stderr
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        assert client.tls.getpeercert()["serialNumber"] == pki.renewed.serial()


def test_callers_at_the_same_time_all_get_an_answer(fronts, run, pki, echo):
    port = run.port()
    front = fronts.start(pki.mail.block(), route("echo", port, echo))
    answers = []
    callers = [threading.Thread(target=lambda: answers.append(front.reload().returncode))
               for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert answers == [0] * 8


def test_reloads_under_load_lose_nothing_and_leak_nothing(fronts, run, pki, echo):
    """Fifty reloads, every fifth of them a bad one; reload_run.py does a thousand."""
    port = run.port()
    blocks = (pki.mail.block(), route("echo", port, echo))
    front = fronts.start(*blocks)
    workers = front.workers()
    old = [tls.TlsClient(port, tls.context(pki, version)) for version in ("1.2", "1.3")]
    load = Load(port, tls.context(pki), clients=3)

    def files():
        return [process.open_files(pid) for pid in [front.pid, *workers]]

    def reload_all(count):
        for number in range(count):
            bad = number % 5 == 4
            if bad:
                front.file.write_text("nonsense\n" + front.file.read_text())
            assert front.reload().returncode == (STATUS_CONFIG_WRONG if bad else 0)
            front.write(*blocks)

    reload_all(10)
    reload_all(40)
    load.stop()
    assert load.failures == []
    assert sum(load.made) > 50
    assert all(tls.says(client) for client in old)
    for client in old:
        client.close()
    assert front.workers() == workers
    wait_until(lambda: front.active("echo") == 0, "the end of all sessions")
    settled = files()
    reload_all(10)
    assert files() == settled


def test_a_reload_tells_each_setting_that_it_changes(fronts, run, pki, echo):
    """Also those after which no address, server or certificate is another; the log has the same lines."""
    ports = [run.port() for _ in range(2)]
    two = [echo, run.port()]
    front = fronts.start(pki.mail.block(), pki.news.block(),
                         route("one", ports[0], echo, certificate=("mail", "news"), idle_timeout="30m"),
                         route("two", ports[1], two, protocol="imap", allow="127.0.0.1", balance="first"))
    front.write(pki.mail.block(), pki.news.block(),
                route("one", ports[0], echo, certificate=("news", "mail"), min_version="1.3",
                      client_certificate="required", client_ca=pki.trust),
                route("two", ports[1], two, protocol="imap", allow=[f"192.0.2.{i}" for i in range(30)],
                      tls="required", balance="rotate"),
                workers=1, key_isolation="off", log_level="debug", watch="on")
    done = front.reload()
    assert done.returncode == 0, done.stderr
    expected = ["key-isolation on -> off", "log-level info -> debug", "watch off -> on",
                "route one: certificate mail, news -> news, mail", "route one: idle-timeout 30m -> not set",
                "route one: client-certificate none -> required", f"route one: client-ca not set -> {pki.trust}",
                "route one: min-version 1.2 -> 1.3", "route two: tls implicit -> required",
                "route two: balance first -> rotate", "route two: allow changed"]
    told = done.stdout.splitlines()
    assert any(line.startswith("workers ") and line.endswith(" -> 1") for line in told)
    assert set(expected) <= set(told)
    assert len(told) == len(expected) + 2, told
    assert told[:-1] == [line["msg"] for line in front.log("changed")]
    assert len(front.reload().stdout.splitlines()) == 1


def test_a_control_socket_elsewhere_has_to_wait_for_a_restart(fronts, run, pki, toys):
    """And each reload names the one that is."""
    blocks = pki.mail.block(), route("echo", run.port(), toys(toy.echo).port)
    front = fronts.start(*blocks)
    control, where = front.folder / "control.sock", front.folder / "where.conf"
    where.write_text(f'control = "{control}"\n')
    for name in ("second.sock", "third.sock"):
        front.write(*blocks, control=front.folder / name)
        done = front.command("reload", "-c", where)
        assert done.returncode == 0, done.stderr
        assert f"`control` has changed; it stays {control} until a restart" in done.stdout
    front.write(*blocks, control=control)
    assert "`control`" not in front.reload().stdout


def test_a_reload_that_takes_long_says_what_it_waits_for(fronts, run, pki, echo):
    front = fronts.start(pki.mail.block(), route("echo", run.port(), echo))
    stuck, other = front.workers()
    os.kill(stuck, signal.SIGSTOP)
    done = front.command("reload", "-c", front.file, "--timeout", "6")
    assert done.returncode == 1 and done.stdout == ""
    assert "no answer came within 6 seconds from" in done.stderr
    assert "waits for these to load the new generation: " in done.stderr
    assert f"(process {stuck})" in done.stderr and str(other) not in done.stderr
    os.kill(stuck, signal.SIGCONT)
    front.wait_for_log("reloaded")
    assert front.status()["generation"] == 2


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "", "3601"])
def test_a_reload_waits_for_whole_seconds(binary, seconds):
    done = subprocess.run([binary, "reload", f"--timeout={seconds}"], capture_output=True, text=True,
                          check=False, timeout=30)
    assert done.returncode == 2
    assert f'--timeout "{seconds}" is no number from 1 to 3600' in done.stderr


@pytest.mark.parametrize("daemon, caller, told", [(True, True, False), (True, False, True),
                                                  (False, True, True)])
def test_the_journal_has_each_finding_once(fronts, run, pki, echo, daemon, caller, told):
    """A reload of the unit's writes to the journal what the daemon has logged there."""
    def journal_stream(file):
        found = os.stat(file)
        return f"{found.st_dev}:{found.st_ino}"

    front = fronts.new(pki.mail.block(), route("echo", run.port(), echo))
    log = front.folder / "tlsfront.log"
    log.touch()
    if daemon:
        front.wrapper = ("env", f"JOURNAL_STREAM={journal_stream(log)}")
    front.start()
    front.write(pki.mail.block(), "nonsense = 1\n")
    output = front.folder / "reload.out"
    with output.open("w") as file:
        done = subprocess.run(
            [front.binary, "reload", "-c", front.file], stdout=file, stderr=file, check=False, timeout=60,
            env=os.environ | ({"JOURNAL_STREAM": journal_stream(output)} if caller else {}))
    assert done.returncode == STATUS_CONFIG_WRONG
    text = output.read_text()
    assert ('"nonsense"' in text) is told
    assert "reload refused: the configuration has errors" in text
    assert any("nonsense" in line["msg"] for line in front.log("configuration"))


def hashes(front):
    status = front.status()
    return {name: status[name] for name in ("config_hash", "files_hash")}


def test_the_hashes_are_known_before_a_reload(fronts, run, pki, echo):
    """Before, in the status, in the log and in the metrics: the same."""
    port, observe = run.port(), run.port()
    front = fronts.start(pki.mail.block(), route("one", port, echo),
                         observe=f"127.0.0.1:{observe}")
    first = hashes(front)
    front.write(pki.mail.block(), "# a comment\n" + route("two", port, echo))
    done = front.command("check", "-c", front.file, "--hash")
    assert done.returncode == 0, done.stderr
    before = dict(line.split(" ") for line in done.stdout.splitlines())
    as_json = json.loads(front.command("check", "-c", front.file, "--json").stdout)
    assert hashes(front) == first
    assert front.reload().returncode == 0
    after = hashes(front)
    assert after == before == {name: as_json[name] for name in before}
    assert after["config_hash"] != first["config_hash"]
    assert after["files_hash"] == first["files_hash"]
    logged = front.wait_for_log("reloaded")
    assert (logged["config-hash"], logged["files-hash"]) == tuple(after.values())
    [shown] = Metrics(observe).labels("tlsfront_config_info")
    assert {name: shown[name] for name in after} == after
    plain = front.command("status", "-c", front.file).stdout
    assert f"configuration: hash {after['config_hash']}, files {after['files_hash']}\n" in plain


def test_no_hash_is_printed_of_what_is_refused(fronts, run, pki):
    front = fronts.new(pki.mail.block(), route("one", run.port(), 1) + "nonsense = 1\n")
    done = front.command("check", "-c", front.file, "--hash")
    assert (done.returncode, done.stdout) == (78, "")
    assert "nonsense" in done.stderr
