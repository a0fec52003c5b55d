"""The exception for what a user can cause: an unreadable file, a missing device, an option out of range."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Code = Literal[
    "failed",
    "usage",
    "exists",
    "panorama",
    "photo",
    "no_device",
    "no_weights",
    "not_finite",
    "out_of_memory",
    "disk_full",
    "stopped",
    "unexpected",
]
"""What kind of failure it is:

- ``failed``: none of the others; the message says it all.
- ``usage``: the call itself makes no sense, whatever the files hold.
- ``exists``: a file or folder stands where a result goes, and it is not a result that may be replaced.
- ``panorama``: the picture shows all directions, so it is not a photo for the network as a whole.
- ``photo``: a picture where a splat belongs.
- ``no_device``: this machine, or this build of torch, lacks the device.
- ``no_weights``: known weights that are not on this machine and were not downloaded.
- ``not_finite``: the network's result holds infinities or NaN.
- ``out_of_memory``, ``disk_full``: the machine's limits.
- ``stopped``: given up because the run ended.
- ``unexpected``: a fault in this program.
"""


class SharpError(Exception):
    """An expected failure, explained in one line: the thing, the reason, and the way out in parentheses.

    The message names no command-line options. ``code`` is stable: programs can branch on it, and the command line
    chooses the option to suggest by it.

    Args:
        message: starts in lower case, without a final period.
        code: the kind of failure.
    """

    def __init__(self, message: str, code: Code = "failed") -> None:
        super().__init__(message)
        self.code: Code = code


def with_remedy(message: str, remedy: str) -> str:
    """The message with a remedy in parentheses, joined to those it has: ``bad (fix)`` → ``bad (fix; remedy)``."""
    return f"{message[:-1]}; {remedy})" if message.endswith(")") else f"{message} ({remedy})"


def install_extra(extra: str) -> str:
    """The remedy for a package that is missing: the command that installs the extra which brings it."""
    return f"pip install '.[{extra}]' in a checkout of sharp"  # nothing is published yet


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``, did you mean …?`` after a word that means nothing; nothing if none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    return f", did you mean {near[0]}?" if near else ""
