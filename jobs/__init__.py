"""Entry points: python -m jobs.NAME. Thin: compose, call arena, report."""
