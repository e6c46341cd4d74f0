"""python -m benchmarks.cold_launcher PROGRAM ARGUMENT...: run a program, tell its wall time and peak memory.

Small on purpose: Linux counts the memory of the process that starts another towards the other's peak,
so a program must not be started by the benchmark itself. The last line of the output is JSON.
"""

import json
import os
import sys
import time


def main() -> None:
    """Run, wait, tell."""
    begin = time.perf_counter()
    child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begin
    unit = 1 if sys.platform == "darwin" else 1024
    sys.stdout.write(
        json.dumps(
            {
                "code": os.waitstatus_to_exitcode(status),
                "wall_s": seconds,
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_mib": usage.ru_maxrss * unit / 2**20,
            }
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
