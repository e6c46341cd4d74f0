"""The monitor as people see it: the real job, a real browser, nothing from outside."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from arena.config.models import SymbolConfig
from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_synthetic
from arena.exchange.synthetic import SyntheticSpec

START = 1_735_689_600_000


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        try:
            with urllib.request.urlopen(f"{url}_stcore/health", timeout=2) as reply:  # noqa: S310 - loopback
                if reply.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the monitor did not start")


@pytest.fixture(scope="module")
def monitor(project, tmp_path_factory):
    from omegaconf import OmegaConf

    root = tmp_path_factory.mktemp("seen")
    path = project / "conf" / "symbol" / "btc_usdt_swap.yaml"
    symbol = SymbolConfig.model_validate(OmegaConf.to_container(OmegaConf.load(path))).instrument()
    spec = SyntheticSpec(seed=4, start_ms=START, days=20)
    ingest_synthetic(
        symbol, Timeframe.parse("1h"), str(root), spec=spec, clock=lambda: START + 21 * 86_400_000
    )
    port = _free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE")}
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.monitor", f"store.root={root}", f"port={port}", "refresh_s=2"],
        cwd=root,
        env={**kept, "PYTHONPATH": str(project), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}/"
    _wait_for(url, process)
    yield url, process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_page_draws_refreshes_and_asks_nobody_else(monitor, browser, width, scheme):
    url, _ = monitor
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(url)
    page.wait_for_selector("text=Last job runs", timeout=60_000)
    page.wait_for_selector("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg")
    assert "SYNTHETIC" in page.inner_text("body")
    first = page.inner_text("[data-testid=stCaptionContainer] >> nth=0")
    page.wait_for_function(
        "(old) => document.querySelector('[data-testid=stCaptionContainer]').innerText !== old", arg=first
    )
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", ground)[:3])
    assert (brightness > 600) == (scheme == "light"), ground
    assert [one for one in asked if not one.startswith((url, "data:", "blob:"))] == []
    assert complaints == []
    context.close()


def test_a_port_in_use_is_one_sentence(monitor, project, tmp_path):
    url, _ = monitor
    port = url.rsplit(":", 1)[1].strip("/")
    done = subprocess.run(
        [sys.executable, "-m", "jobs.monitor", f"store.root={tmp_path}", f"port={port}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert (
        done.stderr
        == f"error: port={port} cannot be taken on 127.0.0.1 (Address already in use): name another\n"
    )


def test_a_stop_request_ends_it_in_order(monitor):
    _, process = monitor
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    assert process.returncode == 0
