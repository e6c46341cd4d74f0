from typing import Any
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic
def taken(_typing, array):
    def generate(context, builder, signature, arguments):
        ary = context.make_array(signature.args[0])(context, builder, arguments[0])
        record = signature.return_type
        llty = context.get_data_type(record)
        mem = cgutils.alloca_once(builder, llty)
        cgutils.raw_memcpy(builder, mem, builder.bitcast(ary.data, mem.type), ir.IntType(64)(record.size), 1)
        return mem

    return array.dtype(array), generate


@intrinsic
def given_back(_typing, array, record):
    def generate(context, builder, signature, arguments):
        ary = context.make_array(signature.args[0])(context, builder, arguments[0])
        cgutils.raw_memcpy(
            builder,
            builder.bitcast(ary.data, arguments[1].type),
            arguments[1],
            ir.IntType(64)(signature.args[1].size),
            1,
        )
        return context.get_dummy_value()

    return types.none(array, record), generate
