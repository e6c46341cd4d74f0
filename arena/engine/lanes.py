"""Sums and extremes of eight numbers at a time, for kernels: the one place that speaks to the compiler.

Numba knows no vectors, and a sum may not be reordered behind its back; so the order of numpy's sums, which
are eight lanes wide, is written down here as vector instructions. Invariant: `lane_sum` adds as numpy does.
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types as numba_types
from numba.core import cgutils as numba_code
from numba.extending import intrinsic

LANES = 8
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)

types: Any = numba_types  # numba tells nothing of its own types
code: Any = numba_code
_intrinsic: Any = intrinsic


def _builtin(function: Callable[..., Any]) -> Callable[..., Any]:
    return cast("Callable[..., Any]", _intrinsic(function))


Combine = Callable[[Any, Any, Any], Any]
Parts = Callable[[Any, Any], list[Any]]


@_builtin
def lane_sum(_typing: Any, values: Any, _begin: Any, _rows: Any) -> Any:
    """Return the sum of `rows` x 8 values from `begin` on, rows >= 1: lane by lane, then over the lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _fold(context, builder, signature, arguments, _itself, [_add])[0]

    return types.float64(values, types.intp, types.intp), generate


@_builtin
def lane_losses(_typing: Any, values: Any, _begin: Any, _rows: Any) -> Any:
    """Return the sum, as `lane_sum`, and the sum of min(v, 0)^2."""
    pair = types.UniTuple(types.float64, 2)

    def parts(builder: Any, row: Any) -> list[Any]:
        loss = _lower(builder, ir.Constant(_VECTOR, [0.0] * LANES), row)
        return [row, builder.fmul(loss, loss)]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = _fold(context, builder, signature, arguments, parts, [_add, _add])
        return context.make_tuple(builder, pair, found)

    return pair(values, types.intp, types.intp), generate


@_builtin
def lane_powers(_typing: Any, values: Any, _begin: Any, _rows: Any, _mean: Any) -> Any:
    """Return the sums of (v - mean)^2, ^3 and ^4, each as `lane_sum`."""
    triple = types.UniTuple(types.float64, 3)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        mean = ir.Constant(_VECTOR, ir.Undefined)
        for lane in range(LANES):
            mean = builder.insert_element(mean, arguments[3], ir.IntType(32)(lane))

        def parts(builder: Any, row: Any) -> list[Any]:
            apart = builder.fsub(row, mean)
            square = builder.fmul(apart, apart)
            return [square, builder.fmul(square, apart), builder.fmul(square, square)]

        found = _fold(context, builder, signature, arguments, parts, [_add, _add, _add])
        return context.make_tuple(builder, triple, found)

    return triple(values, types.intp, types.intp, types.float64), generate


@_builtin
def lane_extremes(_typing: Any, values: Any, _begin: Any, _rows: Any) -> Any:
    """Return the lowest and the highest of `rows` x 8 values from `begin` on, rows >= 1."""
    pair = types.UniTuple(types.float64, 2)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = _fold(context, builder, signature, arguments, _twice, [_lower, _higher])
        return context.make_tuple(builder, pair, found)

    return pair(values, types.intp, types.intp), generate


def _itself(_builder: Any, row: Any) -> list[Any]:
    return [row]


def _twice(_builder: Any, row: Any) -> list[Any]:
    return [row, row]


def _add(builder: Any, one: Any, other: Any) -> Any:
    return builder.fadd(one, other)


def _lower(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", other, one), other, one)


def _higher(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", other, one), other, one)


def _fold(
    context: Any, builder: Any, signature: Any, arguments: Any, parts: Parts, combine: list[Combine]
) -> list[Any]:
    """Return one number for each of `combine`: `parts` of each row folded, lane by lane, then the lanes."""
    values, begin, rows = arguments[:3]
    array = context.make_array(signature.args[0])(context, builder, values)
    step = rows.type
    kept = [
        code.alloca_once_value(builder, part) for part in parts(builder, _row(builder, array.data, begin))
    ]
    with code.for_range_slice(builder, step(1), rows, step(1), step) as (row, _):
        place = builder.add(begin, builder.mul(row, step(LANES)))
        found = parts(builder, _row(builder, array.data, place))
        for memory, fold, part in zip(kept, combine, found, strict=True):
            builder.store(fold(builder, builder.load(memory), part), memory)
    lanes = [builder.load(memory) for memory in kept]
    return [_across(builder, found, fold) for found, fold in zip(lanes, combine, strict=True)]


def _row(builder: Any, data: Any, place: Any) -> Any:
    pointer = builder.bitcast(builder.gep(data, [place]), _VECTOR.as_pointer())
    return builder.load(pointer, align=8)


def _across(builder: Any, lanes: Any, combine: Combine) -> Any:
    """Fold eight lanes in pairs: ((0 1)(2 3))((4 5)(6 7))."""
    parts = [builder.extract_element(lanes, ir.IntType(32)(lane)) for lane in range(LANES)]
    while len(parts) > 1:
        parts = [combine(builder, parts[i], parts[i + 1]) for i in range(0, len(parts), 2)]
    return parts[0]
