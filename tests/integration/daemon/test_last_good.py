"""`start-with = last-good`: what was accepted last is served where FILE does not pass at a start."""

import os

import pytest

from clients import tls
from clients.observer import Metrics
from harness import logs
from harness.config import route
from harness.wait import wait_until
from servers import toy

CONFIGURATION_WRONG = 78


@pytest.fixture
def keeping(fronts, run, pki, toys):
    """A daemon that has kept its configuration, and is stopped; its port and observer."""
    def start(**options):
        port, observe = run.port(), run.port()
        # The default folder of the harness lies below one that others may write.
        front = fronts.new(pki.mail.block(), route("echo", port, toys(toy.echo).port),
                           observe=f"127.0.0.1:{observe}", start_with="last-good", **options)
        front.start()
        front.terminate()
        front.finished = False
        return front, port, observe
    return start


def wound(front):
    text = front.file.read_text()
    front.file.write_text(text + "nonsense = 1\n")
    return text


def told_errors(front):
    """Beside the log there are the findings, for whoever has started it."""
    lines = map(logs.parse, front.log_file().read_text().splitlines())
    return [line["msg"] for line in lines if line and line["event"] == "last-good"
            and line["level"] == "error"]


def kept_files(front):
    return sorted((front.folder / "state" / ".last-good").iterdir())


@pytest.mark.parametrize("isolation", ["on", "off"])
def test_it_serves_what_was_accepted_last_and_says_so(keeping, pki, isolation):
    front, port, observe = keeping(key_isolation=isolation)
    good = wound(front)
    front.start_unchecked()
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
    [told] = wait_until(lambda: told_errors(front), "the log to say so")
    assert "does not pass" in told and "nonsense" in told
    status = front.status()
    assert status["last_good"] is True
    assert status["last_reload"]["outcome"] == "refused"
    [finding] = status["last_reload"]["findings"]
    assert finding["severity"] == "error" and "nonsense" in finding["message"]
    assert "LAST-GOOD: " in front.command("status", "-c", front.file).stdout
    metrics = Metrics(observe)
    assert metrics.get("tlsfront_config_last_good") == 1
    assert metrics.get("tlsfront_config_last_reload_successful") == 0
    assert front.reload().returncode == CONFIGURATION_WRONG
    assert front.status()["last_good"] is True
    front.file.write_text(good)
    done = front.reload()
    assert done.returncode == 0, done.stderr
    status = front.status()
    assert status["last_good"] is False and status["last_good_of"] is None
    assert status["last_reload"]["outcome"] == "accepted"
    assert status["last_reload"]["findings"] == []
    assert Metrics(observe).get("tlsfront_config_last_good") == 0


def test_each_reload_is_kept(keeping, run, pki, toys):
    front, _, _ = keeping()
    second = run.port()
    front.write(pki.mail.block(), route("echo", second, toys(toy.echo).port))
    front.start()
    third = run.port()
    front.write(pki.mail.block(), route("echo", third, toys(toy.echo).port))
    assert front.reload().returncode == 0
    wound(front)
    assert front.reload().returncode == CONFIGURATION_WRONG
    front.terminate()
    front.finished = False
    front.start_unchecked()
    with tls.TlsClient(third, tls.context(pki)) as client:
        assert tls.says(client)


def test_a_key_that_is_gone_is_there_again(keeping, run, pki):
    front, port, _ = keeping()
    text = front.file.read_text()
    front.file.write_text(text.replace(str(pki.mail.key), str(run.folder / "no-such-key.pem")))
    front.start_unchecked()
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)


def test_a_damaged_one_is_passed_over(keeping, pki):
    front, port, _ = keeping()
    front.start()  # kept once more: there are two
    front.terminate()
    front.finished = False
    wound(front)
    newer = max(kept_files(front), key=lambda file: file.stat().st_mtime_ns)
    newer.write_bytes(newer.read_bytes()[:-1])
    front.start_unchecked()
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)


def refused(front):
    return front.command("run", "-c", front.file)


def test_where_nothing_whole_is_kept_the_start_fails_as_ever(keeping):
    front, _, _ = keeping()
    wound(front)
    for file in kept_files(front):
        file.write_bytes(file.read_bytes()[:-1])
    done = refused(front)
    assert done.returncode == CONFIGURATION_WRONG
    assert "nonsense" in done.stderr
    assert "nor can the last accepted configuration be used: it is damaged" in done.stderr


def test_by_default_nothing_is_kept(fronts, run, pki, toys):
    front = fronts.start(pki.mail.block(), route("echo", run.port(), toys(toy.echo).port))
    assert not (front.folder / "state" / ".last-good").exists()
    front.terminate()
    wound(front)
    assert refused(front).returncode == CONFIGURATION_WRONG


def test_switched_off_what_was_kept_is_wiped(keeping, run, pki):
    front, _, _ = keeping()
    assert any(b"PRIVATE KEY" in file.read_bytes() for file in kept_files(front))
    front.start()
    text = front.file.read_text()
    front.file.write_text(text.replace("last-good", "configuration"))
    assert front.reload().returncode == 0
    for file in kept_files(front):
        assert set(file.read_bytes()) <= {0}


def test_switching_it_on_wants_a_restart(fronts, run, pki, toys, binary):
    blocks = pki.mail.block(), route("echo", run.port(), toys(toy.echo).port)
    front = fronts.start(*blocks)
    if front.status()["sandbox"]["landlock"] == 0:
        pytest.skip("without Landlock nothing is given up")
    front.write(*blocks, start_with="last-good")
    done = front.reload()
    assert done.returncode == CONFIGURATION_WRONG
    assert "restart the daemon" in done.stderr + done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_state_in_the_hands_of_others_is_refused(fronts, run, pki):
    state = run.make_folder(f"state-of-nobody-{run.port()}")
    os.chown(state, 65534, 65534)
    front = fronts.new(pki.mail.block(), route("echo", run.port(), 1), state=state,
                       start_with="last-good")
    done = front.check()
    assert done.returncode == CONFIGURATION_WRONG
    assert f'keeps the configuration in "{state}", which belongs to user 65534' in done.stderr


def test_daemons_of_one_state_do_not_serve_each_other_s(keeping, fronts, run, pki, toys):
    """Nor does one throw away what the other has kept."""
    front, port, _ = keeping()
    other = fronts.new(pki.mail.block(), route("other", run.port(), toys(toy.echo).port),
                       state=front.folder / "state")
    other.start()  # start-with = configuration
    good = wound(front)
    front.start_unchecked()
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
    front.terminate()
    front.finished = False
    other.terminate()
    other.finished = False
    other.write(pki.mail.block(), route("other", run.port(), toys(toy.echo).port),
                start_with="last-good")
    other.start()
    front.file.write_text(good)
    front.start()
    other.terminate()
    other.finished = False
    wound(other)
    done = refused(other)
    assert done.returncode == CONFIGURATION_WRONG
    assert "each daemon needs a `state` of its own" in done.stderr


def test_a_start_that_is_refused_leaves_what_is_kept(keeping):
    front, _, _ = keeping()
    front.start()
    before = [file.read_bytes() for file in kept_files(front)]
    second = front.folder / "second.conf"
    second.write_text(front.file.read_text().replace('start-with = "last-good"\n', ""))
    assert "start-with" not in second.read_text()
    assert front.command("run", "-c", second).returncode != 0
    assert [file.read_bytes() for file in kept_files(front)] == before
