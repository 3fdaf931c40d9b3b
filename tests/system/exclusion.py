"""The promise, checked also where a test has failed already: never two holders.

Rule: a failure of this kind has a class of its own, and nothing excuses it: no test that raised it,
however indirectly, is run again (repeats.py).  So whoever cannot count the holders raises it, too.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

OBSERVED_S: Final = 0.1
"""After this the observer has written what happened before."""
Check = Callable[[], None]
"""Raises TwoHoldersError when the promise is broken."""
_checks: Final[list[Check]] = []
ORDERLY: Final = (KeyboardInterrupt, SystemExit, GeneratorExit)


class TwoHoldersError(AssertionError):
    """Two held a VIP at once, or a VIP was left behind, or nobody can say that it was not so."""


def check_too(failure: BaseException, check: Check) -> None:
    """Check the promise although the test has failed: TwoHoldersError then, else nothing."""
    if isinstance(failure, (TwoHoldersError, *ORDERLY)):
        return
    if found := _broken(check):
        raise found from failure


@contextmanager
def watched(check: Check) -> Iterator[None]:
    """Within the block, `broken_now` runs this check: a fixture does not see that a test fails."""
    _checks.append(check)
    try:
        yield
    finally:
        _checks.remove(check)


def broken_now() -> TwoHoldersError | None:
    """Whether the promise is broken in any cluster that is there at this moment."""
    return next((found for check in _checks if (found := _broken(check))), None)


def _broken(check: Check) -> TwoHoldersError | None:
    time.sleep(OBSERVED_S)
    try:
        check()
    except TwoHoldersError as found:
        return found
    except Exception as error:  # noqa: BLE001 whatever it is: nobody has counted
        return TwoHoldersError(f"holders could not be counted: {error}")
    return None


def is_broken(failure: BaseException | None) -> bool:
    """Whether a failure is of this kind, or came from one, or holds one."""
    seen: set[int] = set()
    waiting = [failure]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, TwoHoldersError):
            return True
        waiting += [one.__cause__, one.__context__]
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else []
    return False
