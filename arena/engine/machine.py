"""What numba has no words for: a record that is worked on in registers, and memory that is asked for ahead.

Knows nothing of accounts. Invariant: nothing here changes a result; with plain reads and writes in its place
a kernel gives the same, later.
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types as numba_types
from numba.core import cgutils as numba_code
from numba.extending import intrinsic

types: Any = numba_types  # numba tells nothing of its own types
code: Any = numba_code
_intrinsic: Any = intrinsic

_INT32 = ir.IntType(32)
_READ, _KEEP, _DATA = _INT32(0), _INT32(2), _INT32(1)
"""llvm.prefetch: to be read, into the second cache (the first is full of what is read now), no code."""


def _builtin(function: Callable[..., Any]) -> Callable[..., Any]:
    return cast("Callable[..., Any]", _intrinsic(function))


@_builtin
def borrow(_typing: Any, array: Any) -> Any:
    """Return a copy of the one record of `array` that nothing else can point at.

    Written through a pointer, a field has to go to memory and come back: what else is written might lie in
    the same place. The copy's fields are numbers of their own to the compiler; `give_back` ends that.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        record = signature.return_type
        copy = code.alloca_once(builder, context.get_data_type(record))
        _copy(builder, copy, _record_of(context, builder, signature, arguments), record.size)
        return copy

    return array.dtype(array), generate


@_builtin
def give_back(_typing: Any, array: Any, record: Any) -> Any:
    """Write a borrowed record back."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _record_of(context, builder, signature, arguments)
        _copy(builder, place, arguments[1], signature.args[1].size)
        return context.get_dummy_value()

    return types.none(array, record), generate


@_builtin
def prefetch(_typing: Any, array: Any, index: Any) -> Any:
    """Ask for `array[index]`, which may lie beyond the end, without waiting for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte = ir.IntType(8).as_pointer()
        shape = ir.FunctionType(ir.VoidType(), [byte, _INT32, _INT32, _INT32])
        function = code.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0i8")
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(function, [place, _READ, _KEEP, _DATA])
        return context.get_dummy_value()

    return types.none(array, index), generate


def _record_of(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.bitcast(data, context.get_value_type(signature.args[0].dtype))


def _copy(builder: Any, to: Any, source: Any, size: int) -> None:
    code.raw_memcpy(builder, to, source, ir.IntType(64)(size), 1)
