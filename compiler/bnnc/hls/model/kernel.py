"""Functions of arrays as machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compiled by Numba when it is called first.

    The machine code is kept beside the source or in the user's cache, where one of them can be written.
    """
    made: Any
    try:
        made = numba.njit(cache=True)(function)
    except RuntimeError:
        made = numba.njit(function)
    return made  # type: ignore[no-any-return]
