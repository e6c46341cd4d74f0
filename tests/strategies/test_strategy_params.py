"""From config keys to parameters: what is accepted, and what a person reads when it is not."""

from typing import Literal

import pytest
from pydantic import Field

from arena.core.errors import ConfigError
from arena.strategies import StrategyParams, StrategySpec, get_strategy, make_signal, parse_params
from arena.strategies.parameters import describe_field


class AllKinds(StrategyParams):
    count: int = Field(5, ge=2, le=500, description="a count")
    share: float = Field(0.5, gt=0, lt=1, description="a share")
    limit: float | None = Field(None, ge=0, le=1e6, description="a limit or none")
    flag: bool = Field(default=False, description="a switch")
    mode: Literal["fast", "slow"] = Field("fast", description="a choice")
    label: str = Field("x", description="a label")
    needed: int = Field(ge=1, le=9, description="has no default")


ALL_KINDS = StrategySpec(
    "all_kinds", "", AllKinds, lambda bars, *_: make_signal([0.0] * len(bars)), lambda _: 0
)
EMA = get_strategy("ema_trend")


def message_of(spec, values) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_params(spec, values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        pytest.param(
            {"fsat": 3},
            "unknown key 'strategy.fsat': did you mean 'strategy.fast'? (known: fast, slow, adx_period, "
            "adx_min, atr_period, atr_stop, atr_take, side)",
            id="misspelt-key",
        ),
        pytest.param({"fast": "abc"}, "strategy.fast=abc: must be a whole number from 2 to 500", id="text"),
        pytest.param({"fast": 1}, "strategy.fast=1: must be a whole number from 2 to 500", id="too-small"),
        pytest.param(
            {"fast": 501}, "strategy.fast=501: must be a whole number from 2 to 500", id="too-large"
        ),
        pytest.param({"fast": 3.5}, "strategy.fast=3.5: must be a whole number from 2 to 500", id="fraction"),
        pytest.param({"fast": True}, "strategy.fast=true: must be a whole number from 2 to 500", id="switch"),
        pytest.param({"fast": None}, "strategy.fast=null: must be a whole number from 2 to 500", id="null"),
        pytest.param(
            {"fast": [3, 4]}, "strategy.fast=[3, 4]: must be a whole number from 2 to 500", id="list"
        ),
        pytest.param(
            {"adx_min": float("nan")}, "strategy.adx_min=nan: must be a number from 0 to 100", id="nan"
        ),
        pytest.param({"side": "up"}, "strategy.side=up: must be one of both, long, short", id="choice"),
        pytest.param(
            {"fast": 30, "slow": 20}, "strategy.fast=30 must be below strategy.slow=20", id="crossed"
        ),
        pytest.param({"fast": 26}, "strategy.fast=26 must be below strategy.slow=26", id="equal-to-default"),
    ],
)
def test_wrong_value_is_answered_with_one_sentence(values, sentence: str) -> None:
    assert message_of(EMA, values) == sentence


def test_unlike_any_key_gets_no_guess() -> None:
    assert message_of(EMA, {"zzzz": 1}).startswith("unknown key 'strategy.zzzz' (known: fast, ")


def test_several_wrong_keys_are_all_named_at_once() -> None:
    lines = message_of(EMA, {"fast": "abc", "slow": 2, "bogus": 1}).splitlines()
    assert [line.split(" (")[0] for line in lines] == [
        "strategy.fast=abc: must be a whole number from 2 to 500",
        "strategy.slow=2: must be a whole number from 3 to 2000",
        "unknown key 'strategy.bogus'",
    ]


def test_funding_exit_above_entry_is_refused() -> None:
    sentence = message_of(get_strategy("funding_rate_arbitrage"), {"exit_apr": 0.5})
    assert sentence == "strategy.exit_apr=0.5 must be at most strategy.entry_apr=0.2"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("count", "a whole number from 2 to 500"),
        ("share", "a number above 0 and below 1"),
        ("limit", "a number"),
        ("flag", "true or false"),
        ("mode", "one of fast, slow"),
        ("label", "text"),
        ("needed", "a whole number from 1 to 9"),
    ],
)
def test_field_is_described_in_words(key: str, words: str) -> None:
    assert describe_field(AllKinds.model_fields[key]).startswith(words)


def test_missing_value_without_default_is_named() -> None:
    assert message_of(ALL_KINDS, {}) == "strategy.needed is missing: must be a whole number from 1 to 9"


def test_switch_takes_a_boolean_and_nothing_else() -> None:
    assert parse_params(ALL_KINDS, {"needed": 1, "flag": True}).flag is True
    assert (
        message_of(ALL_KINDS, {"needed": 1, "flag": "maybe"}) == "strategy.flag=maybe: must be true or false"
    )


def test_text_from_the_environment_becomes_a_number() -> None:
    assert parse_params(EMA, {"fast": "5", "adx_min": "20"}) == EMA.params(fast=5, adx_min=20.0)


def test_name_of_the_config_group_is_accepted_when_it_is_the_strategys_own() -> None:
    assert parse_params(EMA, {"name": "ema_trend", "fast": 5}).fast == 5
    assert "choose strategy=bollinger_range" in message_of(EMA, {"name": "bollinger_range"})


def test_parameters_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        EMA.params().fast = 3
