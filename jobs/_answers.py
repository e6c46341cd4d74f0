"""What the reads of the store answer, in brief, as text.

Knows the shapes of answers and no read by name. Invariant: a line, however long the answer is.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from arena.core.bars import Bars, FundingSeries
from arena.core.clock import to_iso
from arena.core.errors import DataError
from arena.core.signal import Signal

_LONGEST = 150
_MOMENTS = frozenset({"ts", "close_ts", "first", "last"})


def ask(read: Callable[..., object], known: Mapping[str, object]) -> str:
    """Call a read with what it needs of `known`; return how long that took and what came, as a line."""
    parameters = inspect.signature(read).parameters.values()
    wanted = [one.name for one in parameters if one.default is one.empty or one.name == "timeframe"]
    absent = [name for name in wanted if name not in known]
    if absent:
        return f"{'-':>9}     nothing is stored yet that has {' and '.join(absent)}"
    begin = time.perf_counter()
    try:
        answer = in_brief(read(**{name: known[name] for name in wanted}))
    except DataError as error:
        answer = str(error)
    return f"{(time.perf_counter() - begin) * 1000:9.2f} ms  {answer}"


def in_brief(answer: object) -> str:
    """Return one line about `answer`."""
    line = _words(answer)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 4]} ..."


def signal_lines(signal: Signal, bars: Bars, last: int) -> list[str]:
    """Return the newest `last` signals as a table; a signal is known when its bar closes."""
    head = f"  {'close (UTC)':<22}{'target':>7}{'stop':>10}{'take':>10}{'confidence':>12}  reason"
    return [head, *(_signal_line(signal, bars, bar) for bar in range(max(0, len(bars) - last), len(bars)))]


def _signal_line(signal: Signal, bars: Bars, bar: int) -> str:
    return (
        f"  {to_iso(int(bars.close_ts[bar])):<22}{signal.target[bar]:>7.2f}"
        f"{_distance(signal.stop_distance[bar]):>10}{_distance(signal.take_distance[bar]):>10}"
        f"{signal.confidence[bar]:>12.2f}  {signal.reasons[signal.reason[bar]]}"
    )


def _distance(value: float) -> str:
    return "none" if value != value else f"{value:,.2f}"  # noqa: PLR0124 - NaN


def _words(answer: object) -> str:
    if isinstance(answer, Bars | FundingSeries):
        return _extent(len(answer), "bars" if isinstance(answer, Bars) else "settlements", answer.ts)
    if isinstance(answer, Mapping):
        return ", ".join(f"{key} {_inner(str(key), part)}" for key, part in answer.items())
    if is_dataclass(answer):
        named = {one.name: getattr(answer, one.name) for one in fields(answer)}
        return str(getattr(answer, "label", "")) or _words(named)
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        listed = ": " + ", ".join(map(_words, answer)) if answer and is_dataclass(answer[0]) else ""
        return f"{len(answer)} row{'' if len(answer) == 1 else 's'}{listed}"
    return "none" if answer is None else str(answer)


def _inner(name: str, part: Any) -> str:
    if name in _MOMENTS and isinstance(part, int):
        return to_iso(part)
    text = _words(part)
    return f"({text})" if is_dataclass(part) and not isinstance(part, Bars) else text


def _extent(count: int, what: str, ts: Any) -> str:
    if not count:
        return f"no {what}"
    return f"{count:,} {what}, {to_iso(int(ts[0]))} to {to_iso(int(ts[-1]))}"
