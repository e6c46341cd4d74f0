"""python -m jobs.compare: overlay past runs on one page and print their metrics side by side."""

from pathlib import Path

from arena.config.audit import CompareConfig
from jobs._runner import JobContext, job


@job("compare", CompareConfig, lists=("run",))
def main(config: CompareConfig, context: JobContext) -> None:
    """Read the runs, write result.json and report.html, print the table."""
    from arena.audit.overlay import describe, read_overlay
    from arena.reporting.compare_console import side_by_side
    from arena.reporting.compare_html import cautions, render_compare
    from jobs._results import run_info, write_result

    overlay = read_overlay(Path(config.reports.root), config.run)
    page = render_compare(overlay.results, overlay.equities, overlay.names, overlay.configs)
    found = describe(overlay, run_info(context), cautions(overlay.results, overlay.names))
    write_result(context, found)
    (context.folder / "report.html").write_text(page, encoding="utf-8")
    run_ids = [run.run_id for run in overlay.runs]
    table = side_by_side(overlay.results, overlay.names, run_ids, overlay.configs)
    context.show(f"{table}\nreport  {context.final_folder / 'report.html'}")


if __name__ == "__main__":
    main()
