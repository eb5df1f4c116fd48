"""Output folders and files that appear complete or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bnnc.errors import BnncError
from bnnc.executors.manifest import MANIFEST, read_manifest

# What a file system may refuse while an output is written.
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG)


@contextmanager
def new_folder(target: Path, force: bool = False) -> Iterator[Path]:
    """An empty folder that becomes `target` when the block ends well, and vanishes otherwise.

    Parents of `target` are made. With `force` what bnnc made there is replaced; files of others in it stay.
    """
    target = target.resolve()
    _check_replaceable(target, force)
    with _beside(target) as temporary:
        staged = temporary / "new"
        staged.mkdir()
        yield staged
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and any(target.iterdir()):
            _keep_foreign_files(target, staged)
            target.rename(temporary / "old")
        staged.rename(target)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A path that becomes `target` when the block ends well; a device or a pipe gets the bytes."""
    if target.is_dir():
        raise BnncError.at(str(target), "the output is a folder", "give the name of a file")
    if os.path.exists(target) and not target.is_file():
        with tempfile.TemporaryDirectory(prefix="bnnc-") as folder:
            yield Path(folder) / target.name
            target.write_bytes((Path(folder) / target.name).read_bytes())
        return
    target = target.resolve()
    with _beside(target) as temporary:
        yield temporary / target.name
        target.parent.mkdir(parents=True, exist_ok=True)
        (temporary / target.name).replace(target)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A temporary folder on the file system where `target` will be."""
    try:
        existing = next(parent for parent in target.parents if os.path.exists(parent))
        temporary = Path(tempfile.mkdtemp(dir=existing, prefix=".bnnc-"))
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        yield temporary
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise _unwritable(target, error) from error
    finally:
        shutil.rmtree(temporary)


def _unwritable(target: Path, error: OSError) -> BnncError:
    return BnncError.at(str(target), f"cannot write the output ({error.strerror})")


def _check_replaceable(target: Path, force: bool) -> None:
    if not os.path.exists(target):  # False too where the name is impossible
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
