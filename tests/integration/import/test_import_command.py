"""The command itself: usage, files, exit statuses, and the examples of the documents."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.imports import run_import
from harness.terminal import Terminal

DOCUMENT = Path(__file__).parents[3] / "docs" / "moving.md"
PEERS = ("stunnel", "hitch", "nginx", "haproxy")
NOTHING = {"stunnel": "", "hitch": "", "nginx": "events { }", "haproxy": "global\n"}


def command(binary, *arguments, text=None, cwd="/"):
    return subprocess.run([binary, "import", *arguments], input=text, text=True, capture_output=True,
                          timeout=60, check=False, cwd=cwd)


@pytest.mark.parametrize("arguments, said", [
    ((), "whose configuration is it?"),
    (("stunel", "f"), "did you mean tlsfront import stunnel?"),
    (("stunnel",), "FILE is missing"),
    (("--json", "stunnel", "f"), "no options"),
    (("stunnel", "f", "-x"), "no options"),
])
def test_wrong_usage_is_told(binary, arguments, said):
    done = command(binary, *arguments)
    assert done.returncode == 2
    assert said in done.stderr and "usage: tlsfront import" in done.stderr
    assert done.stdout == ""


def test_help_is_printed(binary):
    for arguments in (("--help",), ("stunnel", "--help")):
        done = command(binary, *arguments)
        assert done.returncode == 0 and "Exit status: 0 everything was carried over" in done.stdout


@pytest.mark.parametrize("peer, text, where", [
    ("stunnel", "[a]\nnothing\n", "standard input:2: error: a line is no setting"),
    ("hitch", "a = {\n", "standard input:1: error: a block is not closed"),
    ("nginx", "stream {\n\n", "standard input:1: error: a block is not closed"),
    ("haproxy", "bind :1\n", "standard input:1: error: a line stands in no section"),
])
def test_what_is_not_understood_gives_its_place_and_a_cure_and_nothing_else(binary, peer, text, where):
    done = command(binary, peer, "-", text=text)
    assert done.returncode == 78
    assert done.stdout == "" and where in done.stderr and "cure: " in done.stderr


@pytest.mark.parametrize("peer", PEERS)
def test_a_file_that_is_not_there_is_told(binary, place, peer):
    done = command(binary, peer, "nothing.conf", cwd=place)
    assert done.returncode == 78
    assert "nothing.conf: No such file or directory" in done.stderr and done.stdout == ""


def test_an_include_that_is_not_there_is_told_with_its_place(binary, place):
    (place / "main.conf").write_text("events { }\ninclude nothing.conf;\n")
    done = command(binary, "nginx", "main.conf", cwd=place)
    assert done.returncode == 78 and "main.conf:2: error:" in done.stderr


def test_a_file_that_includes_itself_is_told(binary, place):
    (place / "self.conf").write_text("include self.conf;\n")
    done = command(binary, "nginx", "self.conf", cwd=place)
    assert done.returncode == 78 and "includes itself" in done.stderr


@pytest.mark.parametrize("peer", PEERS)
def test_without_a_route_it_is_not_done(binary, peer):
    done = command(binary, peer, "-", text=NOTHING[peer])
    assert done.returncode == 1 and "no route came of it" in done.stderr


def test_several_files_are_one_configuration(binary, place):
    (place / "a.conf").write_text("cert = mail.pem\n[a]\naccept = 995\nconnect = 110\n")
    (place / "b.conf").write_text("cert = news.pem\n[a]\naccept = 996\nconnect = 110\n")
    made = run_import(binary, "stunnel", "a.conf", "b.conf", folder=place)
    assert made.status == 0
    assert {name: one["certificate"] for name, one in made.routes.items()} == {"a": "mail", "a-2": "news"}


def test_all_files_of_haproxy_are_one_configuration(binary, place):
    (place / "front.cfg").write_text("frontend f\n bind :995 ssl crt mail.pem\n default_backend b\n")
    (place / "back.cfg").write_text("backend b\n server s 127.0.0.1:110\n")
    made = run_import(binary, "haproxy", "back.cfg", "front.cfg", folder=place)
    assert made.status == 0 and made.routes["f"]["upstream"] == "127.0.0.1:110"


def sections(peer, count):
    """As many servers, each with an address, a certificate and a server of its own, and a line that is lost."""
    for number in range(count):
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        yield {
            "haproxy": f"frontend f{number}\n bind {address}:993 ssl crt /c/{number}.pem\n option nolinger\n"
                       f" default_backend b{number}\nbackend b{number}\n server s 127.0.0.1:{number + 1}\n",
            "nginx": f"upstream u{number} {{ server 127.0.0.1:{number + 1}; }}\nserver {{ listen {address}:993 ssl;\n"
                     f"ssl_certificate /c/{number}.pem; ssl_certificate_key /c/{number}.key;\nssl_dhparam /d;\n"
                     f"proxy_pass u{number}; }}\n",
            "stunnel": f"[s{number}]\naccept = {address}:993\nconnect = {number + 1}\ncert = /c/{number}.pem\nreset = no\n",
            "hitch": f'frontend = {{\nhost = "{address}"\nport = "993"\npem-file = "/c/{number}.pem"\nssl = on\n}}\n',
        }[peer]


@pytest.mark.parametrize("peer", PEERS)
def test_thousands_of_servers_become_as_many_routes(binary, place, peer):
    """Within the harness's minute, which a search through all for each of them did not keep."""
    count = 5000
    text = "".join(sections(peer, count))
    head, end = {"nginx": ("stream {\n", "}\n"), "hitch": ('backend = "[127.0.0.1]:143"\n', "")}.get(peer, ("", ""))
    made = run_import(binary, peer, "-", folder=place, text=head + text + end)
    assert made.status == 1, made.errors
    assert len(made.routes) == len(made.certificates) == len(made.lost) == count


def test_a_terminal_is_told_that_it_goes_on(binary, place):
    """The file comes by a pipe whose other end waits."""
    os.mkfifo(place / "slow")
    terminal = Terminal(["sh", "-c", f"cat {place}/slow | {binary} import haproxy -"])
    try:
        with open(place / "slow", "w", encoding="ascii") as slow:
            terminal.wait_for(b"\rimporting the configuration of haproxy... 1 s")
            slow.write("listen l\n bind :993 ssl crt /m.pem\n server s 127.0.0.1:143\n")
        seen = terminal.finish()
    finally:
        terminal.close()
    assert b"\r# Made by tlsfront import haproxy" in seen and seen.rstrip().endswith(b"}")


def test_passwords_are_not_told(binary):
    done = command(binary, "stunnel", "-", text="[a]\nprotocolPassword = hunter2\naccept = 1\n")
    assert "protocolpassword" in done.stdout and "hunter2" not in done.stdout


def test_output_that_cannot_be_written_is_a_failure(binary):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([binary, "import", "stunnel", "-"], stdout=full, stderr=subprocess.PIPE,
                              input=b"cert = /x\n[a]\naccept = 1\nconnect = 2\n", timeout=60, check=False)
    assert done.returncode == 1


def test_into_one_file_the_last_word_comes_behind_the_output(binary, place):
    text = "".join(f"[s{i}]\naccept = {i}\nconnect = 1\nexec = /bin/sh\n" for i in range(1, 200))
    with (place / "both").open("w+", encoding="ascii") as both:
        subprocess.run([binary, "import", "stunnel", "-"], stdout=both, stderr=subprocess.STDOUT,
                       input=text.encode(), timeout=60, check=False)
        both.seek(0)
        printed = both.read()
    output, _, rest = printed.partition("tlsfront: not everything was carried over")
    assert output.endswith("# }\n\n") and rest.endswith("no route came of it\n"), rest


def examples():
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    return [(peer, text, blocks[at + 1][1]) for at, (peer, text) in enumerate(blocks) if peer in PEERS]


@pytest.mark.parametrize("peer, text, expected", examples(), ids=PEERS)
def test_the_examples_of_the_document_are_what_comes_out(binary, place, peer, text, expected):
    name = "haproxy.cfg" if peer == "haproxy" else f"{peer}.conf"
    (place / name).write_text(text)
    assert run_import(binary, peer, name, folder=place).text.strip() == expected.strip()
