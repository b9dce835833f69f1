"""What several files of this directory begin with."""

import itertools

import pytest

from servers.haproxy import Haproxy

NUMBERS = itertools.count()


@pytest.fixture
def balancers(run):
    """Starts haproxy with these sections, for one test."""
    made = []

    def start(sections, **options):
        made.append(Haproxy(run, f"haproxy-{next(NUMBERS)}", sections, **options))
        return made[-1]

    yield start
    for one in made:
        one.stop()
