"""Faults on demand: which of them strike a call or a push.

Decides and never acts: who asks does what a rule says. Invariant: the same rules, seed and calls give the
same faults.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from fnmatch import fnmatchcase

from arena.config.paper import FaultRule

__all__ = ["PUSH_KINDS", "Faults"]

PUSH_KINDS = frozenset({"push_duplicate", "push_reorder", "push_late", "socket_drop", "socket_notice"})
"""Kinds that strike what a socket sends; all others strike requests."""


class Faults:
    """The rules in force, and how often each has struck."""

    def __init__(self, rules: Iterable[FaultRule] = (), seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a fault is no secret
        self._live: list[_Live] = [_Live(rule) for rule in rules]

    def add(self, rules: Iterable[FaultRule]) -> None:
        """Put rules in force behind those that are."""
        self._live += [_Live(rule) for rule in rules]

    def clear(self) -> None:
        """Take every rule out of force."""
        self._live.clear()

    def of_request(self, method: str, path: str) -> list[FaultRule]:
        """Return the rules that strike this request, in their order; each has struck once more then."""
        return [one.rule for one in self._live if not one.on_push and self._strikes(one, method, path)]

    def of_push(self, channel: str) -> list[FaultRule]:
        """Return the rules that strike this push on this channel; each has struck once more then."""
        return [one.rule for one in self._live if one.on_push and self._strikes(one, "", channel)]

    def report(self) -> list[dict[str, object]]:
        """Return each rule with the calls it matched and the times it struck."""
        return [{**one.rule.model_dump(), "matched": one.matched, "struck": one.struck} for one in self._live]

    def _strikes(self, one: _Live, method: str, target: str) -> bool:
        rule = one.rule
        if one.is_spent or not one.matches(method, target):
            return False
        one.matched += 1
        if one.matched <= rule.skip or (rule.probability < 1 and self._random.random() >= rule.probability):
            return False
        one.struck += 1
        return True


class _Live:
    """A rule in force."""

    def __init__(self, rule: FaultRule) -> None:
        self.rule = rule
        self.on_push = rule.kind in PUSH_KINDS
        self.matched = self.struck = 0

    @property
    def is_spent(self) -> bool:
        return self.rule.times is not None and self.struck >= self.rule.times

    def matches(self, method: str, target: str) -> bool:
        return self.rule.method in {"", method} and fnmatchcase(target, self.rule.path)
