# SPDX-License-Identifier: Apache-2.0
"""The page of a node in a real browser, under load: it shows what /status tells, to everybody, and says so when it does not know."""
import re
import signal
import threading
import time

import pytest

import browser as browsers
from http_ask import ask, status, wait_status
from page_world import CURIOUS_KEY, PageWorld
from waiting import wait_until

pytestmark = pytest.mark.skipif(browsers.program() is None, reason="no browser is installed: " + " or ".join(browsers.PROGRAMS))

SHOWN = """Object.fromEntries([...document.querySelectorAll('.figure')].map((card) =>
    [card.id, [...card.querySelectorAll('data')].map((data) => [data.value, data.textContent])]))"""
# of each text that is seen: its words, and its contrast against what is behind it (opaque, as all grounds of the page are)
CONTRASTS = """(() => {
    const light = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if (/^rgb\\(/.test(colour)) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const told = [];
    for (const element of document.querySelectorAll('main *, header *')) {
        const words = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join('');
        if (!words || !element.checkVisibility() || element.closest('.notice')) continue;
        const style = getComputedStyle(element);
        const [a, b] = [light(element.closest('svg') ? style.fill : style.color), light(ground(element))].sort((x, y) => y - x);
        told.push([words, (a + 0.05) / (b + 0.05)]);
    }
    return told;
})()"""
BEYOND = """[...document.querySelectorAll('body *')].filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return width > 0 && (left < -0.5 || right > innerWidth + 0.5) && !element.closest('legend, dt.hidden');
}).map((element) => element.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def world(postgres, migrate, program, tmp_path_factory):
    """Two nodes, of which a leads, with work for them and something to fight for; a page of each."""
    database = postgres.migrated(migrate)
    with browsers.Browser() as browser:
        made = PageWorld(database, program, tmp_path_factory.mktemp("page"), browser)
        try:
            made.a = made.serving("a")
            made.a.wait_says("state=leading")
            made.b = made.serving("b")
            made.led, made.standing_by = made.page(made.a), made.page(made.b)
            made.led.look(1280, 900)
            made.load("rmw", "--in-flight", 16, "--keys", 20000)  # so many that few of them are hot
            made.load("hot_rmw", "--in-flight", 4)
            made.conflict(CURIOUS_KEY, 40)
            yield made
        finally:
            made.close()
            database.drop()


def value(figure, nth=0):
    return f"Number(document.querySelectorAll('#{figure} data')[{nth}].value)"


class Watch:
    """All that /status tells while something is looked at."""

    def __init__(self, node):
        self.node, self.told, self.over = node, [], threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.over.is_set():
            self.told.append(status(self.node))
            self.over.wait(0.1)

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: len(self.told) > 15, "no answers of /status")
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def span(self, of):
        values = [of(one) for one in self.told]
        return min(values), max(values)


def test_figures_agree_with_status(world):
    page = world.led
    page.wait(f"{value('commits')} > 0 && {value('conflicts')} > 0", "nothing is committed")
    with Watch(world.a) as watch:
        shown = page.value(SHOWN)
        total = int(page.text("#total-committed").replace(",", ""))
        time.sleep(0.3)
    for figure, rate in (("commits", "commits_per_s"), ("conflicts", "conflicts_per_s")):
        told = {one["rates"][rate] for one in watch.told}
        assert float(shown[figure][0][0]) in told, f"{figure}: {shown[figure]} is none of {told}"
    spans = {("latency", i): watch.span(lambda one, p=p: one["latency_ms"][p]) for i, p in enumerate(("p50", "p95", "p99"))}
    spans |= {("batch", i): watch.span(lambda one, p=p: one["batch"][p]) for i, p in enumerate(("p50", "p99"))}
    spans |= {("queue", 0): watch.span(lambda one: one["queue"]["requests"]), ("window", 0): watch.span(lambda one: one["window"]["bytes"])}
    for (figure, nth), (least, most) in spans.items():
        assert least <= float(shown[figure][nth][0]) <= most, f"{figure} {nth}: {shown[figure]}, told {least} to {most}"
    least, most = watch.span(lambda one: one["totals"]["committed"])
    assert least <= total <= most
    exact, text = shown["commits"][0]
    assert abs(float(text.replace(",", "")) - float(exact)) <= 0.5


def test_figures_move(world):
    page = world.led
    before = page.value("document.getElementById('total-committed').textContent")
    page.wait(f"document.getElementById('total-committed').textContent !== {before!r}", "the total stands still")
    for chart in ("commits", "latency", "conflicts", "batch", "window"):
        drawn = page.wait(f"(document.querySelector('#{chart} .line:last-of-type').getAttribute('d').match(/[\\d.]+ [\\d.]+/g) ?? []).length > 3 "
                          f"&& document.querySelector('#{chart} .line:last-of-type').getAttribute('d')", f"{chart} has no line")
        places = [tuple(map(float, pair.split())) for pair in re.findall(r"[\d.]+ [\d.]+", drawn)]
        assert all(a[0] < b[0] for a, b in zip(places, places[1:])), f"{chart} goes back in time"
    assert len({y for _, y in places}) > 1, "the window's line is flat under load"


def test_who_leads(world):
    wait_status(world.a, lambda told: told["leader"] == "a" and len(told["nodes"]) == 2, "two nodes are not seen")
    world.led.wait("document.getElementById('leader').textContent === 'a leads'", "the leader is not named")
    world.led.wait("document.querySelectorAll('#nodes tr').length === 2", "two nodes are not shown")
    assert world.led.text("#nodes .leads") == "leads"
    assert world.led.text("#elections .name") == "a"
    assert world.led.value("document.getElementById('notice').hidden")
    world.standing_by.wait("/look at the page of a/.test(document.getElementById('notice').textContent)", "no word of who leads")
    assert world.standing_by.text("#leader") == "a leads"
    assert world.standing_by.text("#commits data") == "–", "a zero of who does not lead is shown as a rate"


def test_keys_are_text(world):
    page = world.led
    world.conflict(CURIOUS_KEY, 40)  # what was hot a minute ago is not any more, and tests take their time on some machines
    key = CURIOUS_KEY.decode("latin-1").replace("\xff", "\\xff")
    page.wait(f"[...document.querySelectorAll('#ranges code')].some((code) => code.textContent === {key!r})", "the key is not shown")
    assert page.value("document.querySelectorAll('main script, main img').length") == 0
    page.wait("[...document.querySelectorAll('#ranges code')].some((code) => /^bench\\/hot_rmw/.test(code.textContent))", "the hot key is not shown")
    policy = ask(world.a, "/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy, policy


def background(page):
    return sum(map(int, re.findall(r"\d+", page.value("getComputedStyle(document.body).backgroundColor"))[:3])) / 765


def test_light_and_dark(world):
    page = world.led
    page.look(1280, 900)
    for dark, choice in ((False, None), (True, None), (False, "dark"), (True, "light"), (True, "auto")):
        page.look(1280, 900, dark=dark)
        if choice:
            page.value(f"document.querySelector('#theme input[value={choice}]').click()")
        wanted = dark if choice in (None, "auto") else choice == "dark"
        assert background(page) < 0.2 if wanted else background(page) > 0.9, (dark, choice)
        contrasts = page.value(CONTRASTS)
        assert len(contrasts) > 40
        assert [one for one in contrasts if one[1] < 4.5] == [], (dark, choice)
    page.look(1280, 900)


def test_narrow(world):
    for width in (320, 360, 768):
        world.led.look(width, 780, phone=True)
        assert world.led.value("document.documentElement.scrollWidth") <= width
        assert world.led.value(BEYOND) == [], f"at {width} px"
    world.led.look(1280, 900)


def test_keyboard(world):
    page = world.led
    page.value("document.querySelector('#commits .plot').focus()")
    page.press("ArrowLeft")
    page.wait("/ago: [\\d.,]+/.test(document.querySelector('#commits .plot').getAttribute('aria-valuetext'))", "the cursor does not move")
    assert page.value("document.querySelectorAll('.cursor circle').length") > 4, "not all charts show the moment"
    page.press("Escape")
    page.wait("[...document.querySelectorAll('.moment')].every((moment) => moment.hidden)", "the cursor stays")


def test_it_asks_this_node_only_and_complains_of_nothing(world):
    for node, page in ((world.a, world.led), (world.b, world.standing_by)):
        assert len(page.requests) > 5
        assert [url for url in page.requests if not url.startswith(f"{node.origin}/")] == []
        assert page.complaints == []


def test_silence(world):
    page = world.led
    world.a.send(signal.SIGSTOP)
    page.wait("/No answer from a since \\d\\d:\\d\\d:\\d\\d/.test(document.getElementById('notice').textContent)", "a frozen node is not noticed")
    assert page.value("document.getElementById('main').dataset.stale") == "true"
    world.a.send(signal.SIGCONT)
    page.wait("document.getElementById('main').dataset.stale === 'false'", "the node's return is not noticed")
    world.a.kill()
    page.wait("/No answer from a since .*cannot be reached/.test(document.getElementById('notice').textContent)", "a dead node is not noticed")
    assert page.text("#live-text") == "no answer"
    world.standing_by.wait("document.getElementById('leader').textContent === 'b leads'", "b does not lead on its page")
    world.standing_by.wait("document.querySelector('#elections .name').textContent === 'b'", "the election is not told")
    world.standing_by.wait("document.querySelector('#commits .mark') !== null", "no chart shows the election")
    world.no_errors()
