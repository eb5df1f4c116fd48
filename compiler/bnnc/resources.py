"""Files that ship inside bnnc but are no Python: templates and the C runtime."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jinja2

_CHECKOUT = Path(__file__).resolve().parents[2]


def resource(package: str, relative: str = "") -> Path:
    """The path of a file of a data package: `resource("bnnc.runtime", "npy.c")`.

    An installed bnnc has the package; on a bare source path its folder lies at the root of the checkout.
    """
    folder = package.removeprefix("bnnc.")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return _CHECKOUT / folder / relative
    return Path(spec.submodule_search_locations[0]) / relative


def templates(folder: str) -> jinja2.Environment:
    """The templates in `templates/<folder>`: an undefined name is an error, block lines leave no trace."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource("bnnc.templates", folder)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
