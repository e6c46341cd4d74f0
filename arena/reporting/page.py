"""What every page of this room is made with: templates, inline files, the content policy, the data block.

Reads the room's own templates and static files, nothing else. Invariant: a page loads nothing and runs
only the scripts whose hash its policy names, so a hostile name in the data can do nothing.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arena.reporting.figures import moment, number, percent, tone

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment
    from jinja2.bccache import Bucket

_HERE = Path(__file__).parent
_NOTHING = "'none'"


@functools.cache
def environment() -> Environment:
    """Return the templates, with the filters that turn numbers into words."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        bytecode_cache=_compiled_templates(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(moment=moment, number=number, percent=percent, tone=tone)
    return made


def _compiled_templates() -> BytecodeCache | None:
    """Return where compiled templates are kept, as Python keeps its own; None where nothing may be written.

    To compile them takes longer than all of a report's rest. jinja2 compares each with its source.
    """
    from jinja2 import FileSystemBytecodeCache

    class Kept(FileSystemBytecodeCache):
        def dump_bytecode(self, bucket: Bucket) -> None:
            with contextlib.suppress(OSError):  # a full disk: they are compiled again next time
                super().dump_bytecode(bucket)

    folder = _HERE / "templates" / "__pycache__"
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return Kept(str(folder), "%s.pyc")


@functools.cache
def static(name: str) -> str:
    """Return the text of a static file, to be put inline."""
    return (_HERE / "static" / name).read_text(encoding="utf-8")


def content_policy(*scripts: str) -> str:
    """Return the content policy that lets exactly these scripts run."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes or _NOTHING}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def json_block(page: dict[str, Any]) -> str:
    """Return `page` as JSON that cannot end its own script element.

    Raises:
        ValueError: a number in it is NaN or infinite.
    """
    text = json.dumps(page, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
