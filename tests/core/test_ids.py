from pathlib import Path

import yaml

from arena.core.ids import REPORTS_ROOT, resume_command

HOUSE = Path(__file__).parents[2] / "conf/house.yaml"


def test_command_to_go_on_names_the_root_where_it_is_not_the_usual_one(tmp_path):
    assert resume_command(Path("reports/backtest/R")) == "python -m jobs.backtest resume=R"
    assert resume_command(Path("reports/backtest/R").resolve()) == "python -m jobs.backtest resume=R"
    assert resume_command(Path("else where/backtest/R")) == (
        "python -m jobs.backtest resume=R 'reports.root=else where'"
    )
    assert resume_command(tmp_path / "backtest/R").endswith(f" resume=R reports.root={tmp_path}")


def test_usual_root_is_the_one_of_the_house():
    assert yaml.safe_load(HOUSE.read_text())["reports"]["root"] == REPORTS_ROOT
