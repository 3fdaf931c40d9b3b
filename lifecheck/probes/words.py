"""What a probe says: short, printable text of what others sent or the kernel answered."""

import errno
import os
from typing import Final

from lifecheck.detector import DETAIL_MAX

DOING_MAX: Final = 160
PHRASES: Final = {
    errno.ECONNREFUSED: "connection refused by {}",
    errno.ECONNRESET: "connection reset by {}",
    errno.EPIPE: "connection closed by {}",
    errno.ENETUNREACH: "no route to {}",
    errno.EHOSTUNREACH: "{} is unreachable",
    errno.ETIMEDOUT: "no answer from {}",
    errno.ENOENT: "{} does not exist",
    errno.EACCES: "no permission for {}",
    errno.EPERM: "no permission for {}",
}


def clean(text: str, limit: int = DETAIL_MAX) -> str:
    """Return one line of printable text of at most `limit` characters."""
    words = " ".join(text[: 8 * limit].split())
    line = "".join(char if char.isprintable() else "?" for char in words)
    return line if len(line) <= limit else line[: limit - 3] + "..."


def decoded(data: bytes) -> str:
    """Return what somebody sent as text, whatever it was."""
    return data.decode("utf-8", "replace")


def quoted(data: bytes) -> str:
    """Return the beginning of what somebody sent, in quotes."""
    return f"'{clean(decoded(data[:256]), 60)}'" if data else "nothing"


def first_line(text: str) -> str:
    """Return the first line that is not blank."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def fault(error: OSError, subject: str) -> str:
    """Return an operating system's error as a sentence about `subject`."""
    phrase = PHRASES.get(error.errno or 0)
    if phrase:
        return clean(phrase.format(subject))
    reason = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
    return clean(f"{subject}: {reason}")
