"""python -m jobs.monitor: the health of all stored data in a browser, read only."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from arena.config.screens import MonitorConfig
from arena.core.errors import ConfigError
from jobs._console import show
from jobs._runner import JobContext, job

PAGE = Path(__file__).resolve().parents[1] / "streamlit_app" / "monitor.py"
_OPTIONS = {
    "server.address": "127.0.0.1",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",  # no request leaves this machine
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "theme.light.primaryColor": "#2f6f9f",  # one for both would end dark mode
    "theme.dark.primaryColor": "#6fa8d6",
}


@job("monitor", MonitorConfig, recorded=False)
def main(config: MonitorConfig, _context: JobContext) -> None:
    """Become Streamlit, which serves until Ctrl-C."""
    from arena.core.loopback import bind

    if find_spec("streamlit") is None:
        raise ConfigError("the monitor needs Streamlit: install it with pip install 'alpha-arena[monitor]'")
    bind(config.port).close()  # Streamlit would take another one without a word
    options = {**_OPTIONS, "server.port": str(config.port)}
    words = [f"--{name}={value}" for name, value in options.items()]
    told = {"ARENA_MONITOR_ROOT": config.store.root, "ARENA_MONITOR_REFRESH_S": str(config.refresh_s)}
    show([f"the store {config.store.root} is at http://127.0.0.1:{config.port}/ (Ctrl-C ends)"])
    command = [sys.executable, "-m", "streamlit", "run", str(PAGE), *words]
    os.execve(sys.executable, command, {**os.environ, **told})  # noqa: S606 - our own program, no shell


if __name__ == "__main__":
    main()
