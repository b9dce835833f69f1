"""Fixtures for the suite: one run folder, one authority, the real servers, and tlsfront itself."""

import gc
import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness.fronts import Fronts  # noqa: E402
from harness.modes import MODES  # noqa: E402
from harness.netns import Namespaces  # noqa: E402
from harness.pki import Pki  # noqa: E402
from harness.run import Run  # noqa: E402
from servers.dovecot import Dovecot  # noqa: E402
from servers.inn import Inn  # noqa: E402
from servers.names import NameServer  # noqa: E402
from servers.postfix import Postfix  # noqa: E402
from servers.recording import Recording  # noqa: E402
from servers.slapd import Slapd  # noqa: E402
from servers.toy import Toy  # noqa: E402

LOG_LINES_SHOWN = 40


def pytest_sessionstart(session):
    # A run that is terminated cleans up like one that is interrupted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if os.geteuid() != 0:
        pytest.exit("the integration tests need root: postfix does, and so do tlsfront's workers "
                    "to become another user", 2)


def pytest_collection_finish(session):
    # What is there before the first test stays: no need to look through it after each of them.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """With a failure, show the logs that changed while the test ran."""
    outcome = yield
    report = outcome.get_result()
    this = getattr(item, "funcargs", {}).get("run")
    if not report.failed or this is None or not this.folder.exists():
        return
    for name, text, changed in this.logs():
        if changed >= call.start - 1:
            tail = "\n".join(text.splitlines()[-LOG_LINES_SHOWN:])
            report.sections.append((f"{name} (the last lines)", tail))


@pytest.fixture(autouse=True)
def garbage():
    """A socket that a test has left open fails that test, not one of those that come later."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def run():
    this = Run()
    yield this
    left = this.close()
    assert left == [], f"processes left behind: {left}"


@pytest.fixture(scope="session")
def pki(run):
    return Pki(run.make_folder("pki"))


@pytest.fixture(scope="session")
def dovecot(run):
    return Dovecot(run)


@pytest.fixture(scope="session")
def postfix(run, dovecot):
    return Postfix(run, dovecot)


@pytest.fixture(scope="session")
def slapd(run):
    return Slapd(run)


@pytest.fixture(scope="session")
def inn(run):
    return Inn(run)


@pytest.fixture(scope="session")
def binary():
    path = os.environ.get("TLSFRONT")
    assert path, "TLSFRONT must name the tlsfront binary to test"
    assert os.access(path, os.X_OK), f"TLSFRONT={path} is not a program"
    return Path(path).resolve()


@pytest.fixture(scope="session")
def memory_factor(binary):
    """How much more memory than usual the binary may use: the sanitizers' bookkeeping is large."""
    return 20 if b"__asan_init" in binary.read_bytes() else 1


@pytest.fixture(scope="module")
def spaces():
    """A client, the front and a server, each in a network namespace of its own."""
    made = Namespaces()
    yield made
    made.close()


@pytest.fixture(scope="module")
def fronts(run, binary, request):
    """The daemons of a module; those still running at its end must end well."""
    these = Fronts(run, binary, request.module.__name__)
    yield these
    these.finish()


@pytest.fixture(scope="module")
def module_toys():
    made = []

    def make(handler, *where):
        made.append(Toy(handler, *where))
        return made[-1]

    yield make
    for toy in made:
        toy.close()


@pytest.fixture
def toys():
    made = []

    def make(handler, *where):
        made.append(Toy(handler, *where))
        return made[-1]

    yield make
    for toy in made:
        toy.close()


@pytest.fixture
def speaker():
    """Upstreams that speak a dialect."""
    made = []

    def make(dialect):
        made.append(Recording(dialect.protocol))
        return made[-1]

    yield make
    for upstream in made:
        upstream.close()


@pytest.fixture(params=["1.2", "1.3"])
def version(request):
    return request.param


@pytest.fixture(params=MODES)
def port(ports, request):
    """Of a module that has a daemon with both ways of STARTTLS."""
    return ports[request.param]


@pytest.fixture
def name_server():
    """What a machine asks that servers.names.machine() has made for it."""
    made = NameServer()
    yield made
    made.close()
