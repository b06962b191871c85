"""The page in a real browser: it runs, fits a phone, filters, and what it links is what it shows."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provenance import page
from provenance.page.facts import Edition
from tests.page import samples

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or importlib.util.find_spec("playwright") is None,
    reason="no Chromium on this machine, or no playwright to drive it (apt install chromium; pip install playwright)",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    rows: list[object] = [{"text": f"{samples.clean(seed)} {samples.SCAN_OUTPUTS[seed % 3]}"} for seed in range(130)]
    facts = page.gather(
        page.Sources(scan=samples.judged(folder, rows), datasets=(str(folder / "train.jsonl"),)), Edition.INTERNAL
    )
    path = folder / "report.html"
    path.write_text(page.build(facts), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    home = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], env=home)
        yield running
        running.close()


@pytest.fixture
def tab(browser: Any, report: Path) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    opened.said = []
    opened.on("console", lambda one: opened.said.append(one.text))
    opened.on("pageerror", lambda one: opened.said.append(str(one)))
    opened.goto(report.as_uri())
    opened.wait_for_selector("html[data-ready]", state="attached")
    yield opened
    opened.close()


def test_it_runs_under_its_own_policy_and_fits_a_phone(tab: Any) -> None:
    assert [] == tab.said
    assert 390 == tab.evaluate("document.documentElement.scrollWidth")
    assert "Findings 1 to 50 of 130." == tab.inner_text("#state")


def test_filter_search_and_pages(tab: Any) -> None:
    tab.click("#pages button:has-text('Next')")
    assert "Findings 51 to 100 of 130." == tab.inner_text("#state")
    tab.select_option("#choices select >> nth=0", label="openai")
    assert "Findings 1 to 44 of 44 that fit, of 130 in all." == tab.inner_text("#state")
    tab.fill("#search", "nothing has this name")
    tab.wait_for_selector("#state:text-is('No finding fits; 130 in all.')")
    tab.click("text=Show all")
    assert "Findings 1 to 50 of 130." == tab.inner_text("#state")


def test_a_number_leads_to_its_rows(tab: Any) -> None:
    link = tab.locator("a[data-filter*='provider=openai']").first
    wanted = link.inner_text()
    link.click()
    assert f"to {wanted} of {wanted} that fit" in tab.inner_text("#state")


def test_evidence_is_highlighted(tab: Any) -> None:
    tab.locator(".finding summary").first.click()
    assert samples.SCAN_OUTPUTS[0] in tab.locator(".finding mark").first.inner_text()
