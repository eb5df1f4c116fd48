"""What standard error shows while a command works: nothing in a pipe, progress on a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from bnnc.commands.options import progress, working


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    with working("thinking"):
        pass
    with progress("counting", 4) as advance:
        if advance:
            advance(4)
    return stderr.getvalue()


def test_a_terminal_sees_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    text = shown(monkeypatch, Terminal())
    assert "thinking" in text and "counting" in text and "100%" in text


def test_a_pipe_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO()) == ""
