"""`tlsfront status` on a terminal: a table that fits, and --watch, which gives the screen back."""

import re
import signal
import unicodedata
from pathlib import Path

import pytest

from clients import tls
from harness.config import route
from harness.terminal import Terminal
from harness.wait import wait_until
from servers import toy

TAKE, GIVE_BACK, HOME = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[H"
LONG = "a-route-whose-name-is-as-long-as-names-of-routes-can-be-64-chars"


@pytest.fixture
def terminals(binary):
    opened = []

    def start(*arguments, **options):
        opened.append(Terminal([binary, *arguments], **options))
        return opened[-1]
    yield start
    for one in opened:
        one.close()


@pytest.fixture
def front(fronts, run, pki, toys):
    upstream = toys(toy.echo).port
    return fronts.start(pki.mail.block(), route("echo", run.port(), upstream),
                        route(LONG, run.port(), upstream))


def width(line):
    return sum(0 if unicodedata.combining(one) else
               2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in line)


def lines_of(output, columns):
    """Text, of which no line is too wide and no character one that a terminal obeys."""
    text = output.decode("utf-8", "strict").replace("\r\n", "\n")
    for line in text.splitlines():
        assert all(unicodedata.category(one) not in ("Cc", "Cf") for one in line), repr(line)
        assert width(line) <= columns, line
    return text.splitlines()


# ---- a table -------------------------------------------------------------------------------------

@pytest.mark.parametrize("columns", [40, 80, 132])
def test_on_a_terminal_it_is_a_table_that_fits(front, terminals, columns):
    output = terminals("status", "-c", front.file, columns=columns).finish()
    lines = lines_of(output, columns)
    heading, = (line for line in lines if line.startswith("ROUTE"))
    assert "ACTIVE" in heading
    assert all(any(line.startswith(name) for line in lines)
               for name in ("supervisor ", "worker 0 ", "worker 1 ", "signer 0 "))
    assert any("mail.example" in line or "mail.exa" in line for line in lines)


def test_80_columns_are_enough_for_every_number(front, terminals):
    lines = lines_of(terminals("status", "-c", front.file, columns=80).finish(), 80)
    heading, = (line for line in lines if line.startswith("ROUTE"))
    assert heading.split() == ["ROUTE", "ACTIVE", "ACCEPTED", "REFUSED", "HANDSHAKES", "RESUMED",
                               "FAILED", "IN", "OUT"]
    row, = (line for line in lines if line.startswith("a-r"))
    assert "…" in row and len(row.split()) == 9


def test_a_wide_terminal_shows_names_in_full(front, terminals):
    assert LONG in terminals("status", "-c", front.file, columns=200).finish().decode()


def test_a_terminal_without_utf8_gets_ascii(front, terminals):
    output = terminals("status", "-c", front.file, columns=80, locale="C").finish()
    assert output.isascii() and b"..." in output


def test_elsewhere_it_is_plain_lines(front):
    text = front.command("status", "-c", front.file).stdout
    assert re.search(r"^certificate mail: mail\.example\.test, serial \S+, until \S+ \(\d+ days\)$",
                     text, re.MULTILINE)
    assert re.search(r"^worker 0: pid \d+, generation 1, 0 connections, 0 restarts, sandbox ", text,
                     re.MULTILINE)
    assert LONG in text


def test_what_certificates_say_does_not_rule_the_terminal(fronts, run, pki, toys, terminals):
    odd = pki.root.issue("odd", (), subject=f"/CN={'漢字' * 22}\u202eabc\x1b]0;x\x07")
    front = fronts.start(odd.block(), route("echo", run.port(), toys(toy.echo).port,
                                            certificate=("odd",)))
    lines = lines_of(terminals("status", "-c", front.file, columns=80).finish(), 80)
    assert any(line.startswith("odd ") for line in lines)


def test_without_a_daemon_a_terminal_is_told_so_too(fronts, run, pki, terminals):
    front = fronts.new(pki.mail.block(), route("x", run.port(), run.port()))
    terminal = terminals("status", "-c", front.file)
    assert b"no daemon answers" in terminal.finish()
    assert terminal.process.returncode == 1


# ---- again and again -----------------------------------------------------------------------------

def test_watch_shows_what_changes(front, terminals, pki, run):
    terminal = terminals("status", "-c", front.file, "--watch=1", columns=200)
    terminal.wait_for(TAKE, HOME, b"ROUTE", b"echo")
    port = int(re.search(r"127\.0\.0\.1:(\d+)", front.file.read_text()).group(1))
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        wait_until(lambda: terminal.read() and re.search(
            rb"echo +1 +1 +0 +1 ", terminal.seen), "the connection on the screen", 30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_screen_is_given_back(front, terminals, number):
    terminal = terminals("status", "-c", front.file, "--watch=600")
    terminal.wait_for(TAKE, HOME, b"OUT")
    terminal.send(number)
    assert terminal.finish().endswith(GIVE_BACK)
    assert terminal.process.returncode == -number


def test_the_window_may_change(front, terminals):
    terminal = terminals("status", "-c", front.file, "--watch=600", columns=80, rows=24)
    first = terminal.wait_for(HOME, b"OUT")
    assert LONG.encode() not in first
    terminal.resize(200, 50)
    terminal.send(signal.SIGWINCH)
    terminal.wait_for(HOME, LONG.encode())


def test_what_has_no_room_is_counted(front, terminals):
    terminal = terminals("status", "-c", front.file, "--watch=600", rows=5)
    frame = terminal.wait_for(HOME, b" more lines)")
    assert frame.count(b"\n") == 4


def test_a_restart_of_the_daemon_is_waited_for(front, terminals):
    terminal = terminals("status", "-c", front.file, "--watch=1", columns=200)
    terminal.wait_for(HOME, b"pid %d," % front.pid)
    front.terminate()
    terminal.wait_for(b"no daemon answers", b"waiting for one")
    front.start()
    terminal.wait_for(HOME, b"pid %d," % front.pid)


def test_a_stopped_watch_gives_the_screen_back_and_takes_it_again(front, terminals):
    terminal = terminals("status", "-c", front.file, "--watch=600")
    terminal.wait_for(TAKE, HOME, b"OUT")
    terminal.send(signal.SIGTSTP)
    terminal.wait_for(GIVE_BACK)
    stat = Path(f"/proc/{terminal.process.pid}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it to be stopped")
    terminal.send(signal.SIGCONT)
    terminal.wait_for(TAKE, HOME, b"OUT")


@pytest.mark.parametrize("kind", ["dumb", ""])
def test_a_dumb_terminal_is_not_ruled(front, terminals, kind):
    terminal = terminals("status", "-c", front.file, "--watch=1", kind=kind)
    text = terminal.wait_for(b"ROUTE", b"ROUTE")
    lines_of(text, 80)
    terminal.send(signal.SIGINT)
    terminal.finish()


@pytest.mark.parametrize("seconds", ["0", "-1", "1.5", "3601", "x", ""])
def test_watch_takes_whole_seconds(front, seconds):
    done = front.command("status", "-c", front.file, f"--watch={seconds}")
    assert done.returncode == 2
    assert "no number from 1 to 3600" in done.stderr
