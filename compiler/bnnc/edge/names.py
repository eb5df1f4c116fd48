"""Text of users as parts of C programs: identifiers, strings, comments."""

from __future__ import annotations

import re
import unicodedata

MAX_IDENTIFIER = 48
# Files and folders of a project.
_RESERVED = frozenset(["bnnc", "main", "makefile", "manifest", "model", "runtime", "weights"])


def identifier(text: str) -> str:
    """A C identifier, and a safe file name, that looks like `text`: `CNV 1w/1a` becomes `CNV_1w_1a`."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "_", ascii_text).strip("_")[:MAX_IDENTIFIER].rstrip("_")
    if not words:
        return "network"
    if words[0].isdigit():
        words = f"n{words}"
    return f"{words}_network" if words.lower() in _RESERVED or words.lower().startswith("bnnc") else words


def c_string(text: str) -> str:
    """A C string literal: printable ASCII as it is, every other byte of the UTF-8 as three octal digits."""
    octets = (chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode())
    return f'"{"".join(octets)}"'


def comment(text: str) -> str:
    """`text` on one line inside a C comment, which it can neither close nor open."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:200])
    return shown.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/")
