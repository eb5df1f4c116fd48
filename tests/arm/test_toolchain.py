"""What is told before a linker works: of zig that it may have to build a library first."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import pytest

from bnnc.arm.toolchain import Toolchain


@pytest.mark.parametrize(("cc", "told"), [("/opt/zig", True), ("/usr/bin/gcc", False)])
def test_minutes_are_announced(
    cc: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the call, so that there is something to read while it lasts."""
    before = list[str]()

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        before.extend(record.getMessage() for record in caplog.records)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    with caplog.at_level(logging.INFO, "bnnc"):
        Toolchain((cc, "cc"), ("ar",), "cc", "ar", ()).link(tmp_path, ["a.o"], "net")
    (message,) = before
    assert message.startswith("linking net") and ("builds its C library" in message) == told
