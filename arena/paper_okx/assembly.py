"""A paper exchange out of its config: market, clock, venue, keys, limits, faults.

Reads the store and opens the state's file. Invariant: with a state file the venue's time goes on from where
it was, the time that nobody was there included.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from arena.config.paper import AccountConfig, PaperConfig
from arena.core.clock import to_iso, wall_clock
from arena.core.errors import ConfigError, DataError
from arena.core.timeframe import MS_PER_DAY
from arena.paper_okx.auth import ApiKey, Keys
from arena.paper_okx.clock import VenueClock
from arena.paper_okx.exchange import PaperExchange, ServerSettings
from arena.paper_okx.faults import Faults
from arena.paper_okx.limits import Limits
from arena.paper_okx.replay import MarketShape, ReplayMarket, SyntheticSource, load_stored, make_synthetic
from arena.paper_okx.venue import FeeRates, State, Venue, VenueSettings

__all__ = ["assemble", "key_of"]

_AHEAD_MS = 30 * MS_PER_DAY


def assemble(config: PaperConfig) -> PaperExchange:
    """Return the exchange that a config describes.

    Raises:
        DataError: the bars are not stored, or the state file cannot be used.
        ConfigError: the clock would start outside of the bars.
    """
    market = _market(config)
    state = None if config.state is None else State(config.state)
    venue = Venue(market, _venue_settings(config), state)
    clock = _clock(config, market, venue)
    venue.advance(clock.now())
    for account in config.accounts:
        level = config.fee_level_of(account)
        venue.open_account(account.uid, account.usdt, account.pos_mode, account.acct_lv, level)
    return PaperExchange(
        market=market,
        clock=clock,
        venue=venue,
        keys=Keys([key_of(account) for account in config.accounts]),
        limits=Limits(enabled=config.rate_limits, status=config.limit_status),
        faults=Faults(config.faults, config.fault_seed),
        settings=ServerSettings(control=config.control),
    )


def key_of(account: AccountConfig) -> ApiKey:
    """Return the key of an account; what its config leaves open is made of the uid."""
    name = f"paper-{account.uid}"
    return ApiKey(
        account.key or name,
        account.secret or f"{name}-secret",
        account.passphrase or f"{name}-passphrase",
        account.uid,
        demo=account.demo,
        perm=account.perm,
    )


def _market(config: PaperConfig) -> ReplayMarket:
    book = config.book
    shape = MarketShape(
        half_spread_ticks=book.half_spread_ticks,
        levels=book.levels,
        level_ticks=book.level_ticks,
        contracts_per_level=book.contracts_per_level,
        band=book.price_band,
        funding_rate=config.funding_rate,
    )
    instruments = [one.instrument() for one in config.symbols()]
    if config.source == "store":
        listings = load_stored(config.store.root, instruments, config.bars, shape)
    else:
        made = config.synthetic
        timeframe = "1m" if config.bars == "finest" else config.bars
        source = SyntheticSource(made.seed, made.start_ms, made.days, timeframe)
        listings = make_synthetic(source, instruments, shape)
    return ReplayMarket(listings, shape)


def _venue_settings(config: PaperConfig) -> VenueSettings:
    matching = config.matching
    return VenueSettings(
        fee_levels={name: FeeRates(rates.maker, rates.taker) for name, rates in config.fee_levels.items()},
        fill_rule=matching.fill_rule,
        volume_share=matching.volume_share,
    )


def _clock(config: PaperConfig, market: ReplayMarket, venue: Venue) -> VenueClock:
    """Return the clock, started where the config says or, with a state, where it would be by now."""
    begin, end = market.first_ms, market.end_ms
    start_ms = config.clock.start_ms
    if start_ms is None:
        start_ms = max(begin + (end - begin) // 2, end - _AHEAD_MS)
    if not begin <= start_ms <= end:
        raise ConfigError(
            f"clock.start={config.clock.start}: the bars reach from {to_iso(begin)} to {to_iso(end)}, "
            "start the clock in between"
        )
    keep = None
    if config.state is not None:
        path = Path(f"{config.state}.clock")
        start_ms, keep = max(start_ms, _resumed(path, config.clock.speed)), _keeper(path)
    return VenueClock(max(start_ms, venue.now), speed=config.clock.speed, keep=keep)


def _resumed(path: Path, speed: float) -> int:
    """Return the venue's time by what was kept of it; 0 where nothing was."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        passed = max(0, wall_clock() - int(kept["wall"]))
        return int(kept["venue"]) + int(passed * speed)
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = f"{path} does not hold the exchange's time ({error})"
        raise DataError(f"{found}: delete it to start the clock anew") from error


def _keeper(path: Path) -> Callable[[int, int], object]:
    def keep(venue_ms: int, wall_ms: int) -> None:
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(json.dumps({"venue": venue_ms, "wall": wall_ms}), encoding="utf-8")
        fresh.replace(path)

    return keep
