"""Eight numbers as one value inside kernels: the one place that speaks to the compiler about vectors.

Numba knows no vectors, and may not reorder a sum so that it becomes one; here `Lanes` is a type with
arithmetic of its own. Invariant: each lane is what the same operation makes of floats, bit for bit, so how
wide the processor is changes no result.
"""

import operator
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import extending as numba_extending
from numba import types as numba_types
from numba.core.typing import templates as numba_templates

LANES, WORD = 8, 64
NONE: Any = np.uint64(0)
"""No bit of a word."""

# numba tells nothing of its own types
extending: Any = numba_extending
types: Any = numba_types
templates: Any = numba_templates

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_UINT64 = ir.IntType(64)

Build = Callable[[Any, Any, Any], Any]
"""Takes the builder and two vectors."""


class _LanesType(types.Type):  # type: ignore[misc]
    """Eight float64."""

    def __init__(self) -> None:
        super().__init__("lanes")


_LANES = _LanesType()


@extending.register_model(_LanesType)
class _LanesModel(extending.models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    return cast("Callable[..., Any]", extending.intrinsic(function))


@_intrinsic
def load(_typing: Any, values: Any, _at: Any) -> Any:
    """Return values[at : at + 8]; nothing checks that they are there."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, arguments), align=8)

    return _LANES(values, types.uintp), generate


@_intrinsic
def store(_typing: Any, values: Any, _at: Any, _lanes: Any) -> Any:
    """Write values[at : at + 8]; nothing checks that there is room."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _pointer(context, builder, signature, arguments), align=8)
        return context.get_dummy_value()

    return types.void(values, types.uintp, _LANES), generate


@_intrinsic
def spread(_typing: Any, _value: Any) -> Any:
    """Return eight times the same value."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), arguments[0], ir.IntType(32)(0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(one, one, everywhere)

    return _LANES(types.float64), generate


@_intrinsic
def compare_word(_typing: Any, one: Any, _at: Any, other: Any, _place: Any) -> Any:
    """Compare one[at : at + 64] with other[place : place + 64]; nothing checks that they are there.

    Returns a bit a place, the first lowest: whether `one` is above; and a number that is 0 unless somewhere
    both are equal or one of them is NaN.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = []
        for side in (0, 2):
            array = context.make_array(signature.args[side])(context, builder, arguments[side])
            starts = [builder.add(arguments[side + 1], _UINT64(row)) for row in range(0, WORD, LANES)]
            places = [builder.bitcast(builder.gep(array.data, [i]), _VECTOR.as_pointer()) for i in starts]
            rows.append([builder.load(place, align=8) for place in places])
        level = ir.Constant(ir.VectorType(ir.IntType(1), LANES), [0] * LANES)
        above = _UINT64(0)
        for row, (high, low) in enumerate(zip(*rows, strict=True)):
            bits = builder.bitcast(builder.fcmp_ordered(">", high, low), ir.IntType(LANES))
            above = builder.or_(above, builder.shl(builder.zext(bits, _UINT64), _UINT64(row * LANES)))
            level = builder.or_(level, builder.fcmp_unordered("==", high, low))
        some = builder.zext(builder.bitcast(level, ir.IntType(LANES)), _UINT64)
        return context.make_tuple(builder, signature.return_type, (above, some))

    return types.UniTuple(types.uint64, 2)(one, types.uintp, other, types.uintp), generate


@_intrinsic
def bits_up_to(_typing: Any, _one: Any, _other: Any) -> Any:
    """Return a bit a lane, the first lowest: whether `one` is at most `other`; never where one is NaN."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered("<=", *arguments), ir.IntType(LANES))
        return builder.zext(bits, _UINT64)

    return types.uint64(_LANES, _LANES), generate


@_intrinsic
def all_equal(_typing: Any, _one: Any, _other: Any) -> Any:
    """Tell whether `one` equals `other` in each lane."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        unequal = builder.bitcast(builder.fcmp_unordered("!=", *arguments), ir.IntType(LANES))
        return builder.icmp_unsigned("==", unequal, ir.IntType(LANES)(0))

    return types.boolean(_LANES, _LANES), generate


@_intrinsic
def lowest_bit(_typing: Any, _bits: Any) -> Any:
    """Return the place of the lowest bit that is set, 64 where none is."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), generate


@_intrinsic
def where_above(_typing: Any, _one: Any, _other: Any, _value: Any, _otherwise: Any) -> Any:
    """Return `value` in lanes where `one` is greater than `other`, else `otherwise`."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        one, other, value, otherwise = arguments
        return builder.select(builder.fcmp_ordered(">", one, other), value, otherwise)

    return _LANES(*[_LANES] * 4), generate


def _lower(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", other, one), other, one)


def _higher(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", other, one), other, one)


def _add(builder: Any, one: Any, other: Any) -> Any:
    return builder.fadd(one, other)


def _of_two(build: Build) -> Callable[..., Any]:
    def combine(_typing: Any, _one: Any, _other: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return build(builder, *arguments)

        return _LANES(_LANES, _LANES), generate

    return _intrinsic(combine)


lower, higher = _of_two(_lower), _of_two(_higher)
"""The lower, the higher of two in each lane; the first where they are equal or one is NaN."""


def _across(build: Build) -> Callable[..., Any]:
    def fold(_typing: Any, _lanes: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            parts = [builder.extract_element(arguments[0], ir.IntType(32)(lane)) for lane in range(LANES)]
            while len(parts) > 1:
                parts = [build(builder, parts[i], parts[i + 1]) for i in range(0, len(parts), 2)]
            return parts[0]

        return types.float64(_LANES), generate

    return _intrinsic(fold)


total, lowest, highest = _across(_add), _across(_lower), _across(_higher)
"""One number of eight, folded in pairs: ((0 1)(2 3))((4 5)(6 7))."""


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), _VECTOR.as_pointer())


def _define(sign: Callable[..., Any], method: str) -> None:
    """Let kernels write `one + other` and its like for lanes."""

    class Template(templates.ConcreteTemplate):  # type: ignore[misc]
        key = sign
        cases = (templates.signature(_LANES, _LANES, _LANES),)

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return getattr(builder, method)(*arguments)

    templates.infer_global(sign)(Template)
    extending.lower_builtin(sign, _LANES, _LANES)(generate)


for _sign, _method in (
    (operator.add, "fadd"),
    (operator.iadd, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define(_sign, _method)
