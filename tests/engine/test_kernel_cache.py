"""Machine code of older sources never runs, whichever file of the engine changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from tests.engine.markets import random_scene
course = random_scene(11).run()
print(len(course.compact_fills), repr(course.fees))
"""


def run(tree: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(tree), "NUMBA_CACHE_DIR": str(tree / "cache")}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)


def fees(tree: Path) -> tuple[int, float]:
    done = run(tree)
    assert done.returncode == 0, done.stderr
    count, amount = done.stdout.split()
    return int(count), float(amount)


def test_change_of_an_inlined_file_is_compiled_anew(tmp_path: Path, project: Path) -> None:
    for part in ("arena", "tests/engine"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project / part, tmp_path / part, ignore=ignore)
    count, before = fees(tmp_path)
    assert count > 0
    assert before > 0
    assert fees(tmp_path) == (count, before)
    account = tmp_path / "arena" / "engine" / "account.py"
    source = account.read_text()
    line = "    state.fees += fee\n"
    assert line in source
    account.write_text(source.replace(line, "    state.fees += fee + 1.0\n"))
    # the doctored account books a unit too much a fill: the identity sees it, if the change runs at all
    assert "the account does not add up" in run(tmp_path).stderr
