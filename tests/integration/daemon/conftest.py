"""What several files of this directory begin with."""

import pytest

from harness.config import route
from servers import toy


@pytest.fixture
def served(fronts, run, pki, toys):
    """Starts a daemon before an echo, whose workers run: the front and its port."""
    def start(**options):
        port = run.port()
        front = fronts.start(pki.mail.block(), route("echo", port, toys(toy.echo).port), **options)
        front.workers()
        return front, port
    return start
