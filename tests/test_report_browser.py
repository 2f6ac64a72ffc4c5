"""The report of a job as a browser sees it: nothing on its console, nothing loaded, and hostile words stay words."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from box import connection, running, table
from browser import Browser, Page, browser, chromium
from journals import MEMO, made_for

from tim_async import Rejected
from tim_async.bulk.journal.runs import FINE, MAYBE
from tim_async.bulk.journal.seconds import Second, number_of
from tim_async.cli.app import run
from tim_async.emulator import Emulator

HOSTILE = [
    "<script>alert(document.title='taken')</script>",
    '"><img src="http://127.0.0.1:9/x.png" onerror="document.title=\'taken\'">',
    "{{7*7}}{% for x in y %}",
    "</style></title><svg onload=alert(1)>",
    "\u202eSOREZ\u202c \u2066left\u2069",
    "bell \x07, delete \x7f, tab \t, NUL \0, line \u2028 end",
    "&lt;b&gt; &amp;",
    "long" * 2_500,
]
SEEN = [
    *HOSTILE[:4],
    r"\u202eSOREZ\u202c \u2066left\u2069",
    r"bell \x07, delete \x7f, tab \x09, NUL \x00, line \u2028 end",
    HOSTILE[6],
    ("long" * 2_500)[:399] + "…",
]


@pytest.fixture
async def chrome(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path) as opened:
        yield opened


async def is_quiet(page: Page, file: Path) -> None:
    """Nothing was said, nothing was wanted but the file itself, and no script stands in it."""
    assert page.said == []
    assert page.requests == [file.as_uri()]
    inside = "document.querySelectorAll('script, img, link, iframe, object, embed, form, [onload], [onerror]').length"
    assert await page.look(inside) == 0


def test_without_a_browser_it_is_skipped_but_on_the_build_machine_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception):
        chromium()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        chromium()


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Of a deletion of 302 rows, two of which failed."""
    with running(Emulator()) as emulator:
        options = [*connection(emulator, tmp_path), *table(tmp_path, emulator, 300), "--column", "account", "--yes"]
        with (tmp_path / "accounts.csv").open("a") as file:
            file.write(f"nobody\n{'x' * 40}\n")
        assert run(["accounts", "delete", *options]) == 1
    return tmp_path / "accounts.csv.accounts-delete.job"


async def test_a_real_run_is_told_with_its_figures(chrome: Browser, tmp_path: Path, job: Path) -> None:
    file = tmp_path / "report.html"
    assert run(["job", str(job), "--report", str(file)]) == 0
    async with chrome.page(file) as page:
        await is_quiet(page, file)
        told = await page.look("document.body.innerText")
        assert await page.look("document.querySelector('h1').innerText") == (
            "300 of 302 deleted; 1 was not there, 1 failed; nothing is open"
        )
        rows = await page.look(
            "Array.from(document.querySelectorAll('.kinds tbody tr'), row => "
            "Array.from(row.children, cell => cell.innerText.trim()).join('|'))"
        )
        command = await page.look("document.querySelector('.steps code').innerText")
    assert rows[0] == "Ok|deleted|300|-|no need"
    assert rows[1].startswith("NotSent 70402|the account is 40 bytes long")
    assert rows[1].endswith("|1|303|no: these rows must be mended first")
    assert rows[2] == "Rejected 70107|the account does not exist|1|302|no need: it is so already"
    assert command == f"tim-async job {job} --failures FILE"
    assert "1400000000, as administrator" in told
    assert "u1" not in told.replace("utf-8", "").split()


async def test_hostile_words_stay_words(chrome: Browser, tmp_path: Path) -> None:
    ids = tmp_path / "<b>ids.txt"
    ids.write_text("\n".join(["Mary", *(word.replace("\n", "") for word in HOSTILE if "\x07" not in word)]) + "\n")
    memo = {**MEMO, "connection": {"identifier": HOSTILE[0], "base_url": HOSTILE[1], "region": HOSTILE[3]}}
    journal = made_for(ids, tmp_path / "it.job", memo=memo, settings={HOSTILE[2]: HOSTILE[4], "said": HOSTILE})
    endings = [Rejected(0, "", 999_999, word, f"{number}, {word}") for number, word in enumerate(HOSTILE)]
    journal.start((FINE, 0, 1), *((ending, 1, 1) for ending in endings[:1]), how=HOSTILE[0], host=HOSTILE[1])
    journal.start(*((ending, 1 + at, 1) for at, ending in enumerate(endings[1:], 1) if at < 7), host=HOSTILE[3])
    file = tmp_path / "report.html"
    assert run(["job", str(journal.path), "--report", str(file), "--with-accounts"]) == 0
    async with chrome.page(file) as page:
        await is_quiet(page, file)
        assert await page.look("document.title") != "taken"
        words = await page.look("Array.from(document.querySelectorAll('.kinds .said'), cell => cell.innerText)")
        accounts = await page.look("Array.from(document.querySelectorAll('.account'), each => each.textContent)")
        told = await page.look("document.body.textContent")
        wide = await page.look("document.documentElement.scrollWidth - innerWidth")
    assert sorted(words) == sorted(f"the service: {word}".replace("  ", " ") for word in SEEN[:7])
    assert set(accounts) == {word for word in SEEN if "bell" not in word}
    assert all(word in told for word in SEEN)
    assert "49" not in [word.strip() for word in told.split("\n")]
    assert wide <= 0


@pytest.mark.parametrize("width", [1280, 800, 360])
async def test_it_fits_each_window_light_and_dark_and_each_chart_is_seen_once(
    chrome: Browser, tmp_path: Path, width: int
) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("".join(f"u{number}\n" for number in range(100)))
    second = Second(calls=9, items=900, repeats=1, failed=1, limit=10_000, paused=10, latencies={number_of(0.02): 9})
    journal = made_for(ids, tmp_path / "it.job", memo=MEMO)
    journal.start((FINE, 0, 50), (MAYBE, 50, 20), how=None, seconds=[(at, second) for at in range(1_000, 1_060)])
    file = tmp_path / "report.html"
    assert run(["job", str(journal.path), "--report", str(file)]) == 0
    colours = []
    async with chrome.page(file) as page:
        for dark in (False, True):
            await page.size(width, dark=dark)
            assert await page.look("document.documentElement.scrollWidth - innerWidth") <= 0
            seen = "Array.from(document.querySelectorAll('svg[role=img]')).filter(each => each.getClientRects().length)"
            assert await page.look(f"{seen}.length") == 2
            assert await page.look(f"{seen}.every(each => each.querySelector('title').textContent.length > 50)")
            colours.append(await page.look("getComputedStyle(document.body).backgroundColor"))
        assert (await page.printed()).startswith(b"%PDF")
        assert (await page.picture()).startswith(b"\x89PNG")
        await is_quiet(page, file)
    assert colours[0] == "rgb(255, 255, 255)" != colours[1]
