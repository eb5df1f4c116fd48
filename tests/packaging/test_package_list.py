"""setup.cfg lists what is on disk."""

from __future__ import annotations

import configparser
from pathlib import Path


def test_packages_of_setup_cfg_are_those_on_disk(repository: Path) -> None:
    config = configparser.ConfigParser()
    config.read(repository / "setup.cfg")
    listed = config["options"]["packages"].split()
    assert listed == sorted(listed)
    assert set(listed) == _packages(repository / "compiler") | {"bnnc.templates", "bnnc.runtime"}


def test_every_folder_of_modules_is_a_package(repository: Path) -> None:
    folders = {path.parent for path in (repository / "compiler").rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def _packages(root: Path) -> set[str]:
    inits = (path.relative_to(root) for path in root.rglob("__init__.py"))
    return {".".join(init.parent.parts) for init in inits}
