"""The strategy that docs/strategies.md adds in 20 lines, run as its reader would run it."""

import json
import re
import shutil


def test_strategy_of_the_docs_runs_after_two_files_were_added(jobs_in, project, store, tmp_path):
    for part in ("arena", "jobs", "conf"):
        shutil.copytree(project / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    page = (project / "docs" / "strategies.md").read_text(encoding="utf-8")
    for fence, place in (("python", "arena/strategies/momentum.py"), ("yaml", "conf/strategy/momentum.yaml")):
        assert f"`{place}`" in page
        block = re.search(rf"`{re.escape(place)}`:\n\n```{fence}\n(.*?)```", page, re.DOTALL)
        assert block is not None
        (tmp_path / place).write_text(block[1], encoding="utf-8")
    assert "`python -m jobs.backtest strategy=momentum strategy.lookback=96`" in page
    done = jobs_in(tmp_path).run(
        "backtest",
        "strategy=momentum",
        "strategy.lookback=96",
        f"store.root={store}",
        PYTHONPATH=str(tmp_path),
        DATABASE_URL="sqlite:///ledger.sqlite",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "reports" / "backtest" / "latest" / "result.json").read_text())
    assert result["strategy"] == {"name": "momentum", "params": {"lookback": 96}}
    assert result["counts"]["fills"] > 0
