"""Waiting for something to become true, with a generous end."""

import select
import time


def wait_until(happened, what, timeout=15):
    """Return the first true value of happened(); AssertionError when there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = happened()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain for {what}")
        time.sleep(0.02)


def ready(source, sink, timeout):
    """(can the descriptor `source` be read, can `sink` be written); None: not asked. Not by select(),
    which knows the first 1024 descriptors only: a long run holds a lock for each of its ports."""
    ends = select.POLLHUP | select.POLLERR
    poll = select.poll()
    for fd in {source, sink} - {None}:
        poll.register(fd, (select.POLLIN if fd == source else 0) |
                      (select.POLLOUT if fd == sink else 0))
    found = dict(poll.poll(timeout * 1000))
    return (bool(found.get(source, 0) & (select.POLLIN | ends)),
            bool(found.get(sink, 0) & (select.POLLOUT | ends)))
