"""`bnnc fold`, and the options of target hls that `bnnc compile` has as well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Bnnc
from tests.cli.networks import DOMAIN

from bnnc.hls.options import NAMED
from bnnc.hls.settings import MAX_PE

HLS = ("--input-domain", DOMAIN)


def test_the_fastest_that_fits_is_told(bnnc: Bnnc, model: Path) -> None:
    text = bnnc("fold", model, *HLS, "--part", "pynq-z2").stdout
    assert "fc0" in text and "PE " in text and "sets the rate" in text
    assert "samples a second at 100 MHz" in text
    assert "xc7z020: " in text and " of 53,200 LUTs (" in text and " of 140 BRAM36 (" in text


def test_the_clock_is_the_boards_unless_told(bnnc: Bnnc, model: Path) -> None:
    assert "at 200 MHz" in bnnc("fold", model, *HLS, "--part", "zcu104").stdout
    assert "at 150 MHz" in bnnc("fold", model, *HLS, "--part", "zcu104", "--clock", "150").stdout


@pytest.mark.parametrize("command", ["fold", "compile"])
def test_every_name_of_a_folding_is_explained(command: str, bnnc: Bnnc) -> None:
    text = " ".join(bnnc(command, "--help").stdout.split())
    for name, meaning in (
        ("minimal", "one element at a time"),
        ("maximal", "every layer as fast as it can be"),
        ("balanced", "no layer slower than the slowest one with 16 processing elements"),
    ):
        assert f"{name}, {meaning}" in text
    assert set(NAMED) == {"minimal", "maximal", "balanced"} and f"with {MAX_PE} processing" in text
    assert ("(hls)" in text) == (command == "compile")


def test_in_a_pipe_it_can_be_read(bnnc: Bnnc, model: Path) -> None:
    """Columns of nothing are left out; reasons stand below where they have no room."""
    lines = bnnc("fold", model, *HLS, "--folding", "maximal", "--part", "xc7z020").stdout.splitlines()
    assert max(map(len, lines)) <= 120 and not any(line.endswith(" ") for line in lines)
    head = next(line for line in lines if "folding" in line)
    assert "BRAM36" in head and "URAM" not in head


@pytest.mark.parametrize("fifos", [{}, {"from_sign_in_map": 1}])
def test_rates_are_the_same_everywhere(
    fifos: dict[str, int], bnnc: Bnnc, model: Path, tmp_path: Path
) -> None:
    """Also where rounding would make one more of them than there are, and where FIFOs are too shallow."""
    clock = ("--clock", "100.00006")
    folding, out = tmp_path / "folding.json", tmp_path / "out"
    folding.write_text(
        json.dumps({"layers": {"input": {"lanes": 1}, "sign_in": {"lanes": 1}}, "fifos": fifos})
    )
    told = json.loads(bnnc("fold", model, *HLS, *clock, "--folding", folding, "--json").stdout)
    rate = f"{int(told['fps']):,} samples a second"
    assert rate in bnnc("fold", model, *HLS, *clock, "--folding", folding).stdout
    assert round(told["fps"]) > int(told["fps"])
    target = ("--target", "hls", "--no-verify")
    assert rate in bnnc("compile", model, *HLS, *clock, *target, "--folding", folding, "-o", out).stdout
    assert rate in bnnc("inspect", out).stdout and rate in (out / "README.md").read_text()
    found = json.loads((out / "report.json").read_text())
    assert found["fps"] == told["fps"]
    assert (found["ii_cycles"] > max(layer["cycles"] for layer in found["layers"])) == bool(fifos)


def test_as_json(bnnc: Bnnc, model: Path) -> None:
    told = json.loads(bnnc("fold", model, *HLS, "--fps", "50000", "--budget", "lut=0.5", "--json").stdout)
    assert told["ii_cycles"] <= 2000 and told["fps"] == 100e6 / told["ii_cycles"]
    assert told["budget"] == {"lut": 0.5} and told["part"] == "xc7z020clg400-1"
    assert set(told["resources"]) == {"lut", "ff", "bram36", "uram", "dsp"}
    assert {layer["name"] for layer in told["layers"]} >= {"input", "fc0", "fc1", "output"}
    assert set(told["folding"]["layers"]["fc0"]) == {"pe", "simd", "weights"}
    assert told["pareto"] == []


def test_what_is_folded_is_compiled_so(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    folding, out = tmp_path / "folding.json", tmp_path / "out"
    told = json.loads(bnnc("fold", model, *HLS, "-o", folding, "--json").stdout)
    assert json.loads(folding.read_text()) == told["folding"]
    options = (*HLS, "--target", "hls", "--no-verify")
    bnnc("compile", model, *options, "--folding", folding, "-o", out)
    assert (out / "folding.json").read_text() == folding.read_text()
    again = json.loads(bnnc("fold", model, *HLS, "--folding", folding, "--json").stdout)
    assert (again["ii_cycles"], again["resources"]) == (told["ii_cycles"], told["resources"])
    bnnc("compile", model, *options, "--max-fps", "-o", tmp_path / "solved")
    assert (tmp_path / "solved" / "folding.json").read_text() == folding.read_text()


def test_the_front_is_a_table_and_a_picture(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pictures = []
    for name in ("a.svg", "b.svg"):
        text = bnnc("fold", model, *HLS, "--pareto", "--plot", tmp_path / name).stdout
        pictures.append((tmp_path / name).read_bytes())
    assert "samples/s" in text and "few block RAMs" in text
    assert pictures[0] == pictures[1] and b"samples a second" in pictures[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--part", "xc6"), "there is no part or board 'xc6'; there are the parts xc7z010"),
        (("--fps", "1", "--max-fps"), "--fps: it is there beside --max-fps; give one of them"),
        (("--fps", "1", "--folding", "minimal"), "--folding minimal: it leaves nothing to choose"),
        (("--budget", "lut=0.5", "--folding", "minimal"), "--budget: there is nothing to choose"),
        (("--budget", "lut=2", "--max-fps"), "--budget: 2 is no share"),
        (("--folding", "nowhere.json"), "nowhere.json: cannot be read"),
        (("--fps", "1e9"), "1,000,000,000 samples a second are more than there are cycles at 100 MHz"),
        (("--fps", "nan"), "--fps nan: no number of samples"),
        (("--fps", "inf"), "--fps inf: no number of samples"),
        *(
            (("--clock", mhz), f"a clock of {mhz} MHz; give 1 to 2000 MHz")
            for mhz in ("0", "-5", "nan", "5000")
        ),
        (("--plot", "front.txt"), "--plot: 'front.txt' is no picture"),
    ],
)
def test_what_is_refused(options: tuple[str, ...], said: str, bnnc: Bnnc, model: Path) -> None:
    assert said in bnnc("fold", model, *HLS, *options, status=1).stderr


def test_the_file_is_named_once(bnnc: Bnnc, model: Path) -> None:
    """Of what cannot be lowered, and of what cannot be folded."""
    for options in ((), (*HLS, "--fps", "1e9")):
        assert bnnc("fold", model, *options, status=1).stderr.count("mlp.onnx") == 1


@pytest.mark.parametrize(
    "option",
    [
        *(("--part", "pynq-z2"), ("--clock", "100"), ("--folding", "minimal")),
        *(("--fps", "1"), ("--max-fps",), ("--budget", "lut=1"), ("--control", "none")),
    ],
)
def test_other_targets_have_no_folding(
    option: tuple[str, ...], bnnc: Bnnc, model: Path, tmp_path: Path
) -> None:
    said = bnnc("compile", model, "--target", "host", *option, "-o", tmp_path / "out", status=1).stderr
    assert "error: " in said and ("target host: it has no part" in said or "--budget: " in said)
    assert not (tmp_path / "out").exists()
