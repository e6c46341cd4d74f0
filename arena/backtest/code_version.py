"""Which code and libraries made a result."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from pathlib import Path

from arena import __version__

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("hydra-core", "llvmlite", "numba", "numpy", "polars", "pyarrow", "pydantic", "sqlalchemy")


def code_version() -> str:
    """Return the package's version, the checkout's commit where there is one, and a hash of the sources.

    The hash covers every Python file of the package, so that a changed working copy is told apart.
    """
    digest = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return f"{__version__}+{_commit()}.{digest.hexdigest()[:10]}"


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that touch the numbers."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}}


def _commit() -> str:
    """Return the checkout's commit, read without starting git; "nogit" outside a checkout."""
    git = ROOT.parent / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head[:8]
        reference = git / head.removeprefix("ref: ")
        if reference.is_file():
            return reference.read_text().strip()[:8]
        packed = (git / "packed-refs").read_text().splitlines()
        name = head.removeprefix("ref: ")
        return next((line.split()[0][:8] for line in packed if line.endswith(f" {name}")), "nogit")
    except OSError:
        return "nogit"
