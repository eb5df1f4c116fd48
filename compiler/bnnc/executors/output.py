"""Output folders and files that appear complete or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bnnc.errors import MACHINE_ERRORS, BnncError
from bnnc.executors.manifest import MANIFEST, read_manifest


@contextmanager
def new_folder(target: Path, force: bool = False) -> Iterator[Path]:
    """An empty folder that becomes `target` when the block ends well, and vanishes otherwise.

    A `target` that cannot be made is an error before the block. Parents of `target` are made. With `force`
    what bnnc made there is replaced; files of others in it stay.
    """
    target = target.resolve()
    _check_replaceable(target, force)
    with _beside(target) as staged:
        staged.mkdir()
        yield staged
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and any(target.iterdir()):
            _keep_foreign_files(target, staged)
            target.rename(staged.parent.with_name("old"))
        staged.rename(target)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A path that becomes `target` when the block ends well; a device or a pipe gets the bytes.

    A `target` that cannot be made is an error before the block.
    """
    if os.path.isdir(target):  # False too where the name is impossible
        raise BnncError.at(str(target), "the output is a folder", "give the name of a file")
    if os.path.exists(target) and not target.is_file():
        with tempfile.TemporaryDirectory(prefix="bnnc-") as folder:
            yield Path(folder) / target.name
            target.write_bytes((Path(folder) / target.name).read_bytes())
        return
    target = target.resolve()
    with _beside(target) as staged:
        staged.touch()
        yield staged
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(target)


def check_not_input(output: Path, *sources: Path) -> None:
    """BnncError when `output` would replace one of the files that are read."""
    for source in sources:
        if os.path.isfile(output) and os.path.isfile(source) and os.path.samefile(output, source):
            raise BnncError.at(str(output), f"the output would replace {source}", "give another --output")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A temporary path on the file system where `target` will be, below folders of the same names."""
    try:
        existing = next(parent for parent in target.parents if os.path.exists(parent))
        temporary = Path(tempfile.mkdtemp(dir=existing, prefix=".bnnc-"))
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        staged = temporary / "new" / target.relative_to(existing)
        staged.parent.mkdir(parents=True)
        yield staged
    except OSError as error:
        if error.errno not in MACHINE_ERRORS:
            raise
        raise _unwritable(target, error) from error
    finally:
        shutil.rmtree(temporary)


def _unwritable(target: Path, error: OSError) -> BnncError:
    return BnncError.at(str(target), f"cannot write the output ({error.strerror})")


def _check_replaceable(target: Path, force: bool) -> None:
    if not os.path.exists(target):
        return
    if not target.is_dir():
        raise BnncError.at(str(target), "the output folder is a file", "give another -o")
    if not _entries(target):
        return
    if not force:
        remedy = "give another -o, or --force to replace what bnnc made there"
        raise BnncError.at(str(target), "the output folder is not empty", remedy)
    if not (target / MANIFEST).is_file():
        raise BnncError.at(str(target), f"--force replaces only what bnnc made, and {MANIFEST} is not there")
    try:
        read_manifest(target)
    except BnncError as error:
        what = f"--force cannot tell what bnnc made there, {MANIFEST} is damaged"
        raise BnncError.at(str(target), what, "remove the folder, or give another -o") from error


def _entries(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise BnncError.at(str(folder), f"cannot read the output folder ({error.strerror})") from error


def _keep_foreign_files(old: Path, new: Path) -> None:
    """Copy what the manifest of `old` does not list, unless `new` has a file of that name."""
    made = {MANIFEST, *read_manifest(old).files}
    for path in sorted(old.rglob("*")):
        relative = path.relative_to(old)
        if path.is_file() and relative.as_posix() not in made and not (new / relative).exists():
            (new / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, new / relative, follow_symlinks=False)
