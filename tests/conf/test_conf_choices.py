"""Every choice of every group composes and validates with every job that uses the group."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from arena.config.audit import AuditConfig, CompareConfig, ReproduceConfig
from arena.config.base import validate
from arena.config.health import HealthConfig, RepairConfig
from arena.config.ingest import IngestConfig
from arena.config.models import BacktestConfig, MigrateConfig, SmokeConfig
from arena.config.paper import PaperConfig
from arena.config.screens import BrowseConfig, MonitorConfig
from arena.core.errors import ConfigError
from arena.strategies import get_strategy, parse_params, strategy_names

CONF = Path(__file__).parents[2] / "conf"
JOBS = {
    "audit": (AuditConfig, ()),
    "backtest": (BacktestConfig, ()),
    "browse": (BrowseConfig, ()),
    "compare": (CompareConfig, ("run=[one,other]",)),
    "health": (HealthConfig, ()),
    "ingest": (IngestConfig, ("exchange.path=archive/",)),
    "migrate": (MigrateConfig, ()),
    "monitor": (MonitorConfig, ()),
    "paper_exchange": (PaperConfig, ()),
    "reproduce": (ReproduceConfig, ()),
    "repair": (RepairConfig, ("mode=resample",)),
    "smoke": (SmokeConfig, ()),
}


def _groups(job: str) -> list[str]:
    """The groups that a job's defaults list names, those of the house included."""
    found = []
    for entry in yaml.safe_load((CONF / f"{job}.yaml").read_text())["defaults"]:
        if entry == "house":
            found += _groups("house")
        elif isinstance(entry, dict):
            found += [name.lstrip("/") for name in entry if not name.startswith("override ")]
    return found


def _choices() -> list[tuple[str, str, str]]:
    return [
        (job, group, path.stem)
        for job in JOBS
        for group in _groups(job)
        for path in sorted((CONF / group).glob("*.yaml"))
    ]


@pytest.mark.parametrize(("job", "group", "choice"), _choices())
def test_each_choice_composes_and_validates(composed, job, group, choice):
    model, needed = JOBS[job]
    extra = {"exchange": needed if choice == "files" else (), "schedule": ("exchange=okx",)}.get(
        group, needed
    )
    if job == "repair":  # files are no exchange to refetch from, and want a path all the same
        extra = (*needed, "exchange.path=archive/") if choice == "files" else needed
    config = validate(model, composed(job, f"{group}={choice}", *extra))
    assert config.name == ""
    if job == "backtest":
        parse_params(get_strategy(config.strategy.name), config.strategy.params)


def test_every_primary_config_is_a_job_and_every_folder_a_group_of_one():
    primary = {path.stem for path in CONF.glob("*.yaml")} - {"house"}
    assert primary == set(JOBS)
    folders = {path.name for path in CONF.iterdir() if path.is_dir() and any(path.glob("*.yaml"))}
    assert folders == {group for job in JOBS for group in _groups(job)}


def test_each_strategy_has_a_file_that_holds_all_its_keys_at_their_defaults():
    files = {path.stem: yaml.safe_load(path.read_text()) for path in (CONF / "strategy").glob("*.yaml")}
    assert set(files) == set(strategy_names())
    for name, values in files.items():
        spec = get_strategy(name)
        assert list(values) == ["name", *spec.params.model_fields]
        assert parse_params(spec, values) == parse_params(spec, {})


@pytest.mark.parametrize("job", JOBS)
def test_a_job_that_is_told_nothing_is_whole(composed, job):
    model, needed = JOBS[job]
    assert validate(model, composed(job, *needed)).reports.root == "reports"


@pytest.mark.parametrize("group", [None, "store", "reports"])
@pytest.mark.parametrize("job", JOBS)
def test_a_key_that_nobody_reads_is_refused(composed, job, group):
    model, needed = JOBS[job]
    values = composed(job, *needed)
    (values if group is None else values[group])["rot"] = 1
    with pytest.raises(ConfigError, match=r"^unknown key '(\w+\.)?rot'"):
        validate(model, values)


def test_tiers_are_those_of_the_exchange_row_by_row(composed, project):
    path = project.parent / "shared" / "okx" / "btc_usdt_position_tiers.json"
    if not path.is_file():
        pytest.skip("no position tiers of the exchange beside the project (../shared/okx)")
    told = json.loads(path.read_text())["data"]
    table = validate(SmokeConfig, composed("smoke")).symbol.tiers.table()
    ours = [(tier.max_contracts, tier.mmr, tier.imr) for tier in table.tiers]
    assert ours == [(float(row["maxSz"]), float(row["mmr"]), float(row["imr"])) for row in told]
    assert len(ours) == 99
