"""The tuning log: what is written is read, logs are merged by `cat`, and bad lines are named."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bnnc.errors import BnncError
from bnnc.tune.log import Entry, TuningLog, read_log

FIRST = Entry("cortex-a72", 1, "packed -> conv", "wb half=1", 12, 15, "instructions")
OTHERS = [
    replace(FIRST, cpu="cortex-a53", choice="words"),
    replace(FIRST, threads=2),
    replace(FIRST, unit="seconds", measure=1.25e-07, model=1.5e-07, choice="entries"),
]


def saved(path: Path, log: TuningLog) -> Path:
    path.write_text(str(log))
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    log = TuningLog([FIRST, *OTHERS])
    again = read_log(saved(tmp_path / "log.jsonl", log))
    assert str(again) == str(log) == str(TuningLog([*reversed(OTHERS), FIRST]))
    assert [again.find(e.cpu, e.threads, e.stage, e.unit) for e in (FIRST, *OTHERS)] == [FIRST, *OTHERS]
    assert again.find("cortex-a76", 1, FIRST.stage) is None


def test_times_go_before_instructions() -> None:
    log = TuningLog([OTHERS[2], FIRST])
    assert log.find("cortex-a72", 1, FIRST.stage) == OTHERS[2]
    assert log.find("cortex-a72", 1, FIRST.stage, "instructions") == FIRST


def test_of_merged_logs_the_last_line_counts(tmp_path: Path) -> None:
    newer = replace(FIRST, choice="words", measure=11)
    one, two = (saved(tmp_path / name, TuningLog([e])) for name, e in (("1", FIRST), ("2", newer)))
    (tmp_path / "both").write_text(one.read_text() + "\n" + two.read_text())
    assert str(read_log(tmp_path / "both")) == two.read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not an entry with bnnc, choice, cpu, measure, model, stage, threads, unit"),
        ({"more": 1}, "not an entry"),
        ({"threads": "1"}, "threads is '1'"),
        ({"measure": True}, "measure is True"),
        ({"unit": "cycles"}, "unit is 'cycles', not one of instructions, seconds"),
    ],
)
def test_a_bad_line_is_named(change: str | dict[str, object], message: str, tmp_path: Path) -> None:
    bad = change if isinstance(change, str) else json.dumps(asdict(FIRST) | change)
    path = tmp_path / "log.jsonl"
    path.write_text(f"{TuningLog([FIRST])}\n{bad}\n")
    with pytest.raises(BnncError) as error:
        read_log(path)
    assert f"{path}:3: {message}" in str(error.value) and "correct the line" in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BnncError, match="cannot be read"):
        read_log(tmp_path / "none")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(BnncError, match="cannot be read"):
        read_log(tmp_path / "bytes")
