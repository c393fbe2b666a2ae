"""A page as a real browser shows it: Debian's chromium, headless, asked for what it measured and complained of."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# Runs inside the page and posts what it finds to the frame around it: a window of 390 pixels there is not, a frame is.
MEASURE = """
<script>
const problems = [];
addEventListener("error", (e) => problems.push(String(e.message || e.target)), true);
addEventListener("securitypolicyviolation", (e) => problems.push("blocked " + e.blockedURI));
addEventListener("load", () => {
  const box = (e) => e.getBoundingClientRect();
  const name = (e) => e.tagName + " " + e.textContent.trim().slice(0, 40);
  const outer = [...document.querySelectorAll("body *")].filter((e) => !e.closest(".scroll *, pre *, svg *"));
  const texts = [...document.querySelectorAll("figure svg text")].filter((e) => e.textContent.trim());
  const within = (r, s) => r.left > s.left - 2 && r.right < s.right + 2 && r.top > s.top - 2 && r.bottom < s.bottom + 2;
  const figures = [...document.querySelectorAll("figure")];
  const weight = [...document.querySelectorAll("thead th")].find((e) => e.textContent === "weight");
  const goesOn = (e) => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1;
  const style = (e) => getComputedStyle(e);
  const scrolling = [...document.querySelectorAll("div")].filter((e) => style(e).overflowX === "auto" && goesOn(e));
  const scale = (e) => e.ownerSVGElement.getScreenCTM().a;
  parent.postMessage(JSON.stringify({
    width: innerWidth,
    page: document.documentElement.scrollWidth,
    wide: outer.filter((e) => box(e).right > innerWidth + 1).map(name),
    cut: texts.filter((e) => !within(box(e), box(e.ownerSVGElement))).map(name),
    smallest: Math.min(99, ...texts.map((e) => parseFloat(getComputedStyle(e).fontSize) * scale(e))),
    columns: new Set(figures.map((e) => Math.round(box(e).left))).size,
    weight: weight ? box(weight).right : -1,
    scrolling: scrolling.length,
    unhinted: scrolling.filter((e) => !style(e).backgroundImage.includes("gradient")).map(name),
    pictures: document.querySelectorAll("figure svg").length,
    colours: [document.body, ...texts.slice(0, 1)].map((e) => [getComputedStyle(e).color, getComputedStyle(e).fill]),
    paper: getComputedStyle(document.body).backgroundColor,
    requests: performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith("data:")),
    problems: problems,
  }), "*");
});
</script>
"""
FRAME = """<!doctype html><title>nothing came</title>
<script>addEventListener("message", (e) => { document.title = e.data; });</script>
<iframe src="page.html" style="width: WIDTHpx; height: 900px; border: 0"></iframe>"""


def show(html: str, folder: Path, *, width: int, dark: bool = False) -> dict[str, Any]:
    """What the browser measured in a frame `width` pixels wide; "console" holds the lines that it logged.

    The page's own policy is kept, but for the script that measures.
    """
    assert CHROMIUM is not None
    html = html.replace("default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';", 1)
    (folder / "page.html").write_text(html.replace("</title>", "</title>" + MEASURE, 1), encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000", "--enable-logging=stderr"]
    options += ["--virtual-time-budget=5000", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    done = subprocess.run(
        [CHROMIUM, *options, scheme, frame.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    found = re.search(r"<title>(.*?)</title>", done.stdout, flags=re.DOTALL)
    assert found is not None and found[1] != "nothing came", done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(unescape(found[1]))
    answer["console"] = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return answer
