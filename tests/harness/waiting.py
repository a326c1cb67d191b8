"""Wait for a condition, never for a fixed time."""

import time


def wait_for(condition, timeout=60, what=None, every=0.02):
    """Call `condition` until it returns something true, and return that.

    `timeout` is an upper limit for a loaded machine, not an expectation. `what` is
    a text (or a function that makes one) for the failure message.
    """
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {timeout} s: {text or condition}")
        time.sleep(every)
