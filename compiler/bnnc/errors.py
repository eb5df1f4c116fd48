"""Errors that a user can mend, and the findings they are made of."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

# What a file system may refuse. That is no bug of ours, wherever it happens.
MACHINE_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where it is, what was found, what would do."""

    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.remedy}" if self.remedy else text


class BnncError(Exception):
    """A user's mistake or a limit of bnnc. The CLI prints it without a traceback and exits with status 1."""

    def __init__(self, *findings: Finding | str) -> None:
        self.findings = tuple(f if isinstance(f, Finding) else Finding("", f) for f in findings)
        super().__init__("\n".join(str(f) for f in self.findings))

    @staticmethod
    def at(where: str, what: str, remedy: str = "") -> BnncError:
        """An error of a single finding."""
        return BnncError(Finding(where, what, remedy))

    def within(self, place: str) -> BnncError:
        """The same error with `place` (a file, say) in front of every finding."""
        return BnncError(
            *(Finding(f"{place}: {f.where}" if f.where else place, f.what, f.remedy) for f in self.findings)
        )


@contextmanager
def errors_within(place: object) -> Iterator[None]:
    """Put `place` (a file, say) in front of the findings of errors in the block."""
    try:
        yield
    except BnncError as error:
        raise error.within(str(place)) from error


def some_of(names: Sequence[str], most: int = 20) -> str:
    """`a, b, c, .. and 7 more`."""
    more = f", .. and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def raise_all(findings: Sequence[Finding]) -> None:
    """Raise one error with all findings, or return when there are none."""
    if findings:
        raise BnncError(*findings)
