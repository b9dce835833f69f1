"""Waiting for something to become true, with a generous end."""

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
