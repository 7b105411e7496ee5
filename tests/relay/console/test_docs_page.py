"""/docs, Swagger UI under our policy: on every width, by keyboard, and what becomes of the key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .chromium import Page
from .conftest import Site
from .test_looks import SIZES

LIST = "#operations-notes-get_api_v1_models_notes"
# Swagger UI draws every operation again at each step: 80 of them cost a second of CPU. The page as
# a whole is the other test's.
ONLY_NOTES = """
const ask = window.fetch;
window.fetch = async (...asked) => {
  const answer = await ask(...asked);
  if (!answer.url.endsWith('/openapi.json')) return answer;
  const page = await answer.json();
  const ours = ([path]) => path.startsWith('/api/v1/models/notes');
  page.paths = Object.fromEntries(Object.entries(page.paths).filter(ours));
  return new Response(JSON.stringify(page), answer);
};"""


async def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(60):
        if await page.run(f"document.activeElement.matches({json.dumps(selector)})"):
            return
        await page.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


async def open_docs(page: Page, site: Site) -> None:
    await page.resize(1440, 900)
    await page.call("Page.navigate", url=f"{site.url}/docs")
    await page.wait_for(f"document.querySelector('{LIST}')")


@pytest.mark.anyio
async def test_an_operation_is_tried_out_by_keyboard_and_the_key_is_not_kept(
    site: Site, page: Page, pictures: Path
) -> None:
    key = site.key()
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=ONLY_NOTES)
    await open_docs(page, site)
    await tab_to(page, ".btn.authorize")
    await page.press("Enter")
    await page.wait_for("document.activeElement.id === 'auth-bearer-value'")
    await page.screenshot(pictures / "docs_authorize.png")
    await page.type("#auth-bearer-value", key)
    await tab_to(page, ".btn-done")
    await page.press("Enter")
    await page.wait_for("!document.querySelector('.modal-ux')")
    await tab_to(page, f"{LIST} .opblock-summary-control")
    await page.press("Enter")
    await page.wait_for(f"document.querySelector('{LIST} .try-out__btn')")
    await tab_to(page, f"{LIST} .try-out__btn")
    await page.press("Enter")
    await tab_to(page, f"{LIST} .execute")
    await page.press("Enter")
    await page.wait_for(f"document.querySelector('{LIST} .live-responses-table .response')")
    answer = await page.text(f"{LIST} .live-responses-table")
    assert '"object": "list"' in answer
    for width, height in SIZES:
        await page.resize(width, height)
        assert await page.run("document.documentElement.scrollWidth") <= width
        await page.run(f"document.querySelector('{LIST} .live-responses-table').scrollIntoView()")
        await page.screenshot(pictures / f"docs_answer_{width}.png")

    kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert await page.run(kept) == '[{},{},""]'
    assert {
        url for url in page.requested() if not url.startswith((f"{site.url}/", "data:"))
    } == set()
    await page.call("Page.reload")
    await page.wait_for("document.querySelector('.btn.authorize.unlocked')")


@pytest.mark.anyio
async def test_nothing_is_cut_off_on_any_width(site: Site, page: Page, pictures: Path) -> None:
    await open_docs(page, site)
    assert "default" not in await page.run(
        "[...document.querySelectorAll('.opblock-tag')].map(each => each.dataset.tag)"
    )
    for width, height in SIZES:
        await page.resize(width, height)
        assert await page.run("document.documentElement.scrollWidth") <= width
        await page.screenshot(pictures / f"docs_{width}.png")
