"""What the tests of labelling in the browser share: a project of three pages, one hostile."""

from __future__ import annotations

from pathlib import Path

from clutter.annotate.tuner import Job, Learned

HOSTILE = """<!doctype html><html lang="en"><head><base href="http://evil.example/">
<meta http-equiv="refresh" content="0;url=http://evil.example/">
<link rel="stylesheet" href="http://evil.example/x.css">
<link rel="dns-prefetch" href="//evil.example"></head>
<body onload="parent.hacked = 1" background="http://evil.example/b.png">
<script>parent.hacked = 1; top.location = "http://evil.example/"</script>
<p>The ferry will not run before Monday, since the storm has torn two piles away.</p>
<p>&lt;img src=x onerror="window.hacked = 1"&gt;&lt;script&gt;window.hacked = 1&lt;/script&gt;</p>
<img src="http://evil.example/i.png" onerror="parent.hacked = 1">
<iframe src="http://evil.example/"></iframe><object data="http://evil.example/o"></object>
<embed src="http://evil.example/e"><form action="http://evil.example/"><button>Go</button></form>
<a href="javascript:parent.hacked = 1" target="_top">a link</a>
<meta name="referrer" content="unsafe-url">
<a href="http://evil.example/a" referrerpolicy="unsafe-url">another link</a>
<svg onload="parent.hacked = 1"><script>parent.hacked = 1</script></svg>
<div style="background: url(http://evil.example/s.png)">styled</div></body></html>
"""

PAGES = {
    "a.tsv": """\
# site: a.example
# read: no
# kind: article?0.91
nav?0.95\tHome
nav?0.61\tSport

title?0.90\tFerry stays in harbour
body?0.97\tThe ferry will not run.
teaser?0.55\tShare this
""",
    "b.tsv": """\
# site: a.example
# read: no
# kind: listing?0.55
nav?0.95\tHome
teaser?0.51\tSport
body?0.97\tAnother text.
""",
    "c.tsv": """\
# site: a.example
# html: c.html
# read: no
# kind: article?0.91
body?0.97\tThe ferry will not run before Monday, since the storm has torn two piles away.
body?0.44\t<img src=x onerror="window.hacked = 1"><script>window.hacked = 1</script>
""",
}


def write_project(folder: Path) -> None:
    """Write the labelled files, and the HTML of the hostile page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in PAGES.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "c.html").write_text(HOSTILE, "utf-8")


def learned_nothing(job: Job) -> Learned:
    """A model that guesses as before."""
    return Learned()
