"""The page on every width, by keyboard, and its colours: nothing is cut off or too faint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from ablo_pg.relay.http.console_routes import assets

from .chromium import Page
from .conftest import Site
from .test_page import enter, shows

SIZES: Final = ((1440, 900), (1024, 700), (768, 1024), (390, 844), (320, 568))
VIEWS: Final = ("rows", "log", "claims", "people", "system")
CONTRAST: Final = 4.5  # of text to its ground, WCAG 2.2 AA
# What cannot be reached: wider than the window, or a control beyond its edge.
CUT_OFF: Final = """[...document.querySelectorAll('button, input, h2, #connection')]
  .filter(each => each.offsetParent && !each.closest('.scroll'))
  .filter(each => { const at = each.getBoundingClientRect();
    return at.left < -1 || at.right > innerWidth + 1; }).map(each => each.outerHTML).join()"""


# Cards, on a phone: nothing of them lies beyond their panel's edge.
BEYOND: Final = """Math.max(...[...document.querySelectorAll('.scroll')]
  .map(each => each.scrollWidth - each.clientWidth))"""


@pytest.mark.anyio
async def test_nothing_is_cut_off_on_any_width(site: Site, page: Page, pictures: Path) -> None:
    agent = site.caller("agent:" + "long-name-" * 8)
    agent.create("t" * 150, title="W" * 400, meta={"key": "v" * 400})
    agent.create("t2", title="An ordinary title", priority=1.5)
    agent.claim("t" * 150, "D" * 300, ttl="10m")
    await enter(page, site, site.key("user:" + "viewer" * 12))
    await page.wait_for(shows("#claims", "DDD"))
    for width, height in SIZES:
        for view in VIEWS if width < 960 else VIEWS[:1]:
            await page.resize(width, height, dark=width == 390)
            await page.run(f"document.querySelector('#views [data-view={view}]').click()")
            wide = await page.run("document.documentElement.scrollWidth")
            assert wide <= width, f"{view} is {wide} wide on {width}"
            assert await page.run(CUT_OFF) == "", f"{view} on {width}"
            if width <= 640:
                assert await page.run(BEYOND) <= 0, f"{view} on {width}"
            shown = await page.run("document.querySelectorAll('section').length") - await page.run(
                "[...document.querySelectorAll('section')].filter(s => !s.offsetParent).length"
            )
            assert shown == (6 if width >= 960 else 2 if view == "system" else 1)
            await page.screenshot(pictures / f"{width}_{view}.png")


@pytest.mark.anyio
async def test_it_can_be_used_by_keyboard(site: Site, page: Page) -> None:
    agent = site.caller("agent:a")
    agent.create("t1", title="by keyboard")
    await page.resize(1280, 800)
    await enter(page, site, site.key())
    await page.wait_for(shows("#rows tbody", "by keyboard"))
    await page.run("document.querySelector('[role=tab][aria-selected=true]').focus()")
    chosen = "document.querySelector('[role=tab][aria-selected=true]').dataset.model"
    before = await page.run(chosen)
    await page.press("ArrowRight")
    assert await page.run(chosen) != before
    assert await page.run("document.activeElement.getAttribute('aria-selected')") == "true"
    await page.press("ArrowRight")
    await page.wait_for(shows("#rows tbody", "by keyboard"))
    await page.run("document.querySelector('#rows button.id').focus()")
    await page.press("Enter")
    await page.wait_for("document.querySelector('#detail').open")
    await page.press("Escape")
    await page.wait_for("!document.querySelector('#detail').open")
    assert await page.run("document.activeElement.className") == "id"
    unnamed = await page.run(
        "[...document.querySelectorAll('button, input')].filter(each => !each.innerText.trim()"
        " && !each.labels?.length && each.offsetParent).length"
    )
    assert unnamed == 0


@pytest.mark.anyio
async def test_the_log_is_searched_and_stopped(site: Site, page: Page) -> None:
    agent = site.caller("agent:a")
    agent.create("t1", title="a")
    agent.create("t2", title="b")
    await page.resize(1280, 800)
    await enter(page, site, site.key())
    await page.wait_for(shows("#log tbody", "t2"))
    await page.type("#log-filter", "t1")
    count = "document.querySelectorAll('#log tbody tr').length"
    await page.wait_for(f"{count} === 1")
    await page.run("document.querySelector('#log-filter').select()")
    await page.type("#log-filter", "create")
    await page.wait_for(f"{count} === 2")
    await page.run("document.querySelector('#log-pause').click()")
    agent.create("t3", title="c")
    await page.wait_for(shows("#log-pause", "Resume (1)"))
    assert await page.run(count) == 2
    await page.run("document.querySelector('#log-pause').click()")
    await page.wait_for(f"{count} === 3")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_not_too_faint(theme: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", assets()["console.css"].body.decode(), re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[["light", "dark"].index(theme)]))
    pairs = [
        (text, ground)
        for text in ("text", "quiet", "link", "good", "bad", "warn", "agent", "user", "system")
        for ground in ("panel", "ground")
    ]
    pairs += [("text", ground) for ground in ("new", "changed", "gone")]
    faint = {pair: contrast(*(colours[name] for name in pair)) for pair in pairs}
    assert not {pair: ratio for pair, ratio in faint.items() if ratio < CONTRAST}


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return round((light + 0.05) / (dark + 0.05), 2)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_contrast_tells_faint_from_strong() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert contrast("#767676", "#ffffff") == 4.54
    assert contrast("#999999", "#ffffff") < CONTRAST
