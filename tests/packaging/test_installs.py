"""The wheel holds every file that bnnc reads at run time, and each way to install it finds them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ISOLATED = ("--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check")
INSTALLS = {
    "wheel": (),
    "editable": ("--editable",),
    "strict": ("--config-settings=editable_mode=strict", "--editable"),
}
LOOKUP = """
from importlib.resources import files
import bnnc
for package in ("templates", "runtime"):
    for path in files(f"bnnc.{package}").rglob("*"):
        if path.is_file() and path.suffix in (".j2", ".c", ".h"):
            print(package, path.name, len(path.read_bytes()))
"""


@pytest.fixture(scope="module")
def checkout(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed and the new files alone, so that a build leaves nothing in the real checkout."""
    copy = tmp_path_factory.mktemp("checkout")
    listed = _output("git", "-C", str(repository), "ls-files", "-co", "--exclude-standard")
    for name in listed.splitlines():
        if (repository / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((repository / name).read_bytes())
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _output(sys.executable, "-m", "pip", "wheel", *ISOLATED, "--wheel-dir", str(folder), str(checkout))
    [path] = folder.glob("bnnc-*.whl")
    return path


def test_wheel_holds_all_sources_templates_and_runtime_files(wheel: Path, checkout: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert _files(checkout / "compiler" / "bnnc", "bnnc") <= inside
    for data in ("templates", "runtime"):
        assert _files(checkout / data, f"bnnc/{data}") <= inside


def test_wheel_holds_nothing_else(wheel: Path, checkout: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    data = _files(checkout / "templates", "bnnc/templates") | _files(checkout / "runtime", "bnnc/runtime")
    assert inside == _files(checkout / "compiler" / "bnnc", "bnnc") | data


@pytest.mark.parametrize("kind", INSTALLS)
def test_an_installed_bnnc_finds_its_files(kind: str, wheel: Path, checkout: Path, tmp_path: Path) -> None:
    python = _environment(tmp_path / "venv")
    what = wheel if kind == "wheel" else checkout
    _output(python, "-m", "pip", "install", *ISOLATED, *INSTALLS[kind], str(what))
    found = _output(python, "-c", LOOKUP, folder=tmp_path).splitlines()
    assert sorted(found) == sorted(_data_files(checkout))
    version = _output(str(Path(python).parent / "bnnc"), "--version", folder=tmp_path)
    assert _output(python, "-c", "import bnnc; print(bnnc.__version__)", folder=tmp_path).strip() in version


def _environment(folder: Path) -> str:
    """An empty environment that sees the packages of this one, pip and setuptools too; returns its Python."""
    _output(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = str(folder / "bin" / "python")
    site = Path(_output(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "tested.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def _data_files(checkout: Path) -> list[str]:
    paths = [(data, path) for data in ("templates", "runtime") for path in (checkout / data).rglob("*")]
    wanted = [(data, path) for data, path in paths if path.suffix in (".j2", ".c", ".h")]
    return [f"{data} {path.name} {path.stat().st_size}" for data, path in wanted]


def _files(folder: Path, prefix: str) -> set[str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{prefix}/{path.relative_to(folder)}" for path in paths}


def _output(*command: str, folder: Path | None = None) -> str:
    """What `command` prints; PYTHONPATH is cleared so that only the installed bnnc is seen."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=_clean_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
