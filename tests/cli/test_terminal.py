"""What standard error shows while a command works: nothing in a pipe, progress on a terminal."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from bnnc.commands.options import progress, working


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    log = logging.getLogger("bnnc.anything")
    with working("thinking"):
        log.info("about %d [things]", 2)
    with progress("counting [/all]", 4) as advance:
        if advance:
            advance(4)
        log.info("from [/one] [red]")
    return stderr.getvalue()


def test_a_terminal_sees_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    text = shown(monkeypatch, Terminal())
    assert "thinking" in text and "counting" in text and "100%" in text
    assert "thinking: about 2 [things]" in text and "counting [/all]: from [/one] [red]" in text


def test_nobody_is_told_more_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("bnnc")
    before = (logger.level, list(logger.handlers))
    shown(monkeypatch, Terminal())
    assert (logger.level, logger.handlers) == before


def test_a_pipe_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO()) == ""
