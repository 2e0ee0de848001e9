"""How long to wait before the next restart, and when to give up.

A *failure in a row* is a run that ended by itself before it had been up for `reset` seconds. The
delay after the n-th is first x factor^(n-1), at most `cap`; after `give_up` of them (0: never) the
service has failed for good. The count alone decides about giving up, never a rate in a window of
time: so a long delay cannot hide failures from the limit, as it does where both look at the clock.
"""

from typing import NamedTuple

from lunix_init.unit import Backoff


class Decision(NamedTuple):
    """What follows from one exit: the failures in a row, and the delay (None: give up)."""

    failures: int
    delay: float | None


def after_exit(policy: Backoff, failures: int, up_for: float) -> Decision:
    """Decide after a run that was up for `up_for` seconds and followed `failures` bad ones."""
    failures = 1 if up_for >= policy.reset else failures + 1
    if policy.give_up and failures >= policy.give_up:
        return Decision(failures, None)
    return Decision(failures, delay(policy, failures))


def delay(policy: Backoff, failures: int) -> float:
    """Return the seconds before the restart that follows `failures` failures in a row."""
    wait = policy.first
    for _ in range(failures - 1):
        # Stepwise, so that no power of a large count overflows.
        if wait >= policy.cap or policy.factor == 1 or not wait:
            break
        wait *= policy.factor
    return min(wait, policy.cap)
