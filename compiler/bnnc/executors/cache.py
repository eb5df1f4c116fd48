"""A folder of things that were made once: compiled networks, by a digest of all that went into them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import bnnc
from bnnc.errors import BnncError
from bnnc.resources import resource

_log = logging.getLogger("bnnc.cache")


def default_root(environment: Mapping[str, str]) -> Path:
    """BNNC_CACHE, or `bnnc` in XDG_CACHE_HOME, or ~/.cache/bnnc."""
    if chosen := environment.get("BNNC_CACHE"):
        return Path(chosen).absolute()
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bnnc"


def entry(root: Path, parts: Mapping[str, str], make: Callable[[Path], object]) -> Path:
    """The folder of `parts`, filled by `make` when it is not there yet.

    It appears complete or not at all; of two processes that make it at once the first to finish wins, and the
    other's is the same. An edit of bnnc itself leads to other folders.
    """
    folder = root / key(parts)
    if folder.is_dir():
        _log.info("found %s", folder)
        return folder
    with _staging(root) as staged:
        make(staged)
        _publish(staged, folder)
    _log.info("made %s", folder)
    return folder


def key(parts: Mapping[str, str]) -> str:
    """32 hexadecimal digits that depend on bnnc, and on names and texts of `parts` but not on their order."""
    whole = json.dumps([bnnc.__version__, source_digest(), dict(parts)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


@cache
def source_digest() -> str:
    """A digest of the files that bnnc consists of."""
    total = hashlib.sha256()
    for path in sorted(_source_files()):
        total.update(f"{path}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def _source_files() -> Iterator[Path]:
    roots = (Path(bnnc.__file__).parent, resource("bnnc.templates"), resource("bnnc.runtime"))
    for path in (path for root in roots for path in root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            yield path


@contextlib.contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """An empty folder below `root` that vanishes unless it is moved away, as does a `root` made for it."""
    is_new = not root.exists()
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=root, prefix=".making-"))
    except OSError as error:
        what = f"cannot write the cache ({error.strerror})"
        raise BnncError.at(str(root), what, "set BNNC_CACHE to a folder of yours") from error
    try:
        (temporary / "entry").mkdir()
        yield temporary / "entry"
    finally:
        shutil.rmtree(temporary)
        if is_new:
            with contextlib.suppress(OSError):  # an entry is in it
                root.rmdir()


def _publish(staged: Path, folder: Path) -> None:
    try:
        os.rename(staged, folder)
    except OSError:
        if not folder.is_dir():  # nobody else was faster
            raise
