"""What the verdict says in words, in the single report and in the sweep's: nothing missing without reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arena.backtest.result import CausalityBadge, CausalityDifference
from arena.backtest.verdict import BreakEvenCurve, Lockbox
from arena.reporting.html import render_report
from arena.reporting.sweep_html import render_sweep
from arena.reporting.verdict_view import luck_sentence, verdict_view

PASSED = CausalityBadge(passed=True, prefixes=6, recomputations=18, refused=0, bars=23_456)
FAILED = CausalityBadge(
    passed=False,
    prefixes=2,
    recomputations=3,
    refused=0,
    bars=900,
    difference=CausalityDifference(
        field="target",
        bar=412,
        open="2024-02-01T00:00:00Z",
        with_future=1.0,
        without=0.0,
        cut=412,
        change="cut off",
    ),
)
UNKNOWN = CausalityBadge(passed=None, prefixes=0, recomputations=0, refused=0, bars=0, reason="too short")


@pytest.mark.parametrize(
    ("deflated", "words"),
    [
        (0.97, "luck is an unlikely explanation"),
        (0.8, "luck cannot be ruled out"),
        (0.4, "what luck looks like"),
    ],
)
def test_luck_is_one_plain_sentence_with_its_probability(make_verdict, deflated: float, words: str) -> None:
    said = luck_sentence(make_verdict(deflated=deflated))
    assert said.startswith("With 10,055 parameter sets tried on this data, ")
    assert words in said
    assert f"is {100 * deflated:.1f}%." in said
    assert "Sharpe of about 1.51, this one has 1.40" in said


def test_luck_that_cannot_be_said_has_its_reason(make_verdict) -> None:
    verdict = make_verdict(deflated=None).model_copy(update={"reasons": {"sharpe.deflated": "no ledger"}})
    assert luck_sentence(verdict) == "How likely luck is cannot be said: no ledger."


def test_probability_never_reads_as_certain(make_verdict) -> None:
    assert "over 99.9%" in luck_sentence(make_verdict(deflated=0.99999))
    assert "under 0.1%" in luck_sentence(make_verdict(deflated=1e-9))


def test_every_missing_part_has_its_reason(make_verdict) -> None:
    verdict = make_verdict(deflated=None).model_copy(
        update={
            "trials": None,
            "overfitting": None,
            "walk_forward": [],
            "superiority": [],
            "lockbox": None,
            "reasons": {
                "trials": "no ledger",
                "sharpe.deflated": "no ledger for it",
                "overfitting": "one set alone",
                "walk_forward": "no choice",
                "superiority": "9 days",
                "lockbox": "not asked",
            },
        }
    )
    view = verdict_view(verdict)
    notes = {fact.label: (fact.text, fact.note) for fact in view.facts}
    assert notes["Deflated Sharpe"] == ("\u2013", "no ledger for it")
    assert notes["Backtest overfitting"] == ("\u2013", "one set alone")
    assert view.lockbox == "Not known: not asked."
    assert view.unknown == [("Superiority", "9 days"), ("Walk forward", "no choice")]


def test_curve_dies_where_the_verdict_says(make_verdict) -> None:
    view = verdict_view(make_verdict())
    assert [curve.sentence for curve in view.curves[:3]] == [
        "dies at 3.1 bps, now 1 bps",
        "dies at 0.11%, now 0.05%",
        "still alive at 3 bars, now 0 bars",
    ]


def test_curve_of_a_losing_run_is_dead_from_the_start(make_verdict) -> None:
    curve = BreakEvenCurve(
        cost="slippage_bps",
        unit="bps",
        values=[0.0, 1.0],
        sharpe=[-0.5, -0.9],
        total_return=[-0.1, -0.2],
        now=1.0,
        dies_at=None,
    )
    shown = verdict_view(make_verdict().model_copy(update={"break_even": [curve]})).curves[0]
    assert shown.sentence == "dead from the start: no return above 0 even at 0 bps"
    assert shown.bad


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (Lockbox(holdout=0.0, unlocked=False, unlocks=0), "No part of the history was kept back"),
        (Lockbox(holdout=0.2, start="2025-01-01T00:00:00Z", unlocked=False, unlocks=0), "kept shut"),
        (Lockbox(holdout=0.2, start="2025-01-01T00:00:00Z", unlocked=True, unlocks=3), "opened 3 times"),
    ],
    ids=["none", "shut", "opened"],
)
def test_lockbox_says_whether_it_was_opened(make_verdict, box: Lockbox, words: str) -> None:
    assert words in verdict_view(make_verdict().model_copy(update={"lockbox": box})).lockbox


def test_interval_lies_on_its_own_scale(make_verdict) -> None:
    for track in verdict_view(make_verdict()).tracks:
        assert 0 <= track.left <= track.at <= track.left + track.width <= 100
        assert 0 <= track.zero <= 100


def test_report_has_the_verdict(make_run, make_verdict) -> None:
    result, arrays = make_run(300, 20, gaps=())
    text = render_report(result.model_copy(update={"verdict": make_verdict(trials=1)}), arrays)
    for words in ("How likely luck is", "dies at 3.1 bps", "Lockbox", "Holding nothing", "604 days"):
        assert words in text
    assert "How likely luck is" not in render_report(result, arrays)


@pytest.mark.parametrize(
    ("badge", "css", "words"),
    [
        (PASSED, "passed", "gave the same bits on 23,456 bars"),
        (FAILED, "failed", "target at bar 412"),
        (UNKNOWN, "unchecked", "too short"),
        (None, "unchecked", "made without the check"),
    ],
    ids=["passed", "failed", "unknown", "none"],
)
def test_every_report_carries_the_causality_badge(make_run, badge, css: str, words: str) -> None:
    result, arrays = make_run(300, 20, gaps=())
    text = render_report(result.model_copy(update={"causality": badge}), arrays)
    head = text[text.index("<header") : text.index("</header>")]
    found = re.search(r'<p class="causality (\w+)">(.*?)</p>', head)
    assert found is not None
    assert found[1] == css
    assert words in found[2]


def test_sweep_carries_the_badge_of_its_best_run(make_run, make_sweep) -> None:
    record, folder = make_sweep({"strategy.fast": [3, 5, 8]})
    assert "Look-ahead not checked" in render_sweep(record, folder)
    result, _ = make_run(300, 20, gaps=())
    (folder / "best").mkdir()
    text = result.model_copy(update={"causality": PASSED}).model_dump_json()
    (folder / "best" / "result.json").write_text(text, encoding="utf-8")
    assert "<strong>Causal</strong>" in render_sweep(record, folder)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_a_report_with_a_verdict(
    open_tab, axe_violations, make_run, make_verdict, tmp_path: Path, scheme: str, width: int
) -> None:
    result, arrays = make_run(300, 20, gaps=())
    changed = result.model_copy(update={"verdict": make_verdict(), "causality": FAILED})
    path = tmp_path / "report.html"
    path.write_text(render_report(changed, arrays), encoding="utf-8")
    tab = open_tab(path, color_scheme=scheme, viewport={"width": width, "height": 900})
    for details in tab.page.locator("details").all():
        details.evaluate("element => { element.open = true; }")
    assert axe_violations(tab.page) == []
    assert tab.complaints == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") == width
