"""A report as one HTML file: it opens without a network, and nothing in it runs.

Its policy for content allows the one style sheet, by its digest, and nothing else. Charts are SVG.
Every text is made visible as for a terminal, and escaped.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from html import escape

import yaml

from auditproxy.commands.report.values import shown
from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.reports.report import TEXT, TIME, Chart, Report, Row, Section
from auditproxy.serializer.json import go_text

_STYLE = """
:root { color-scheme: light dark; --text: #1c2024; --quiet: #5c6670; --line: #d8dde2;
  --page: #ffffff; --band: #f4f6f8; --bar: #2f6fb2; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ec; --quiet: #9aa5b1; --line: #3a434c;
  --page: #14181c; --band: #1c2228; --bar: #6aa6e0; } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; background: var(--page);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin-top: 2.5rem; }
p, figcaption { color: var(--quiet); margin: 0.4rem 0; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.8rem 0.3rem 0; text-align: left; border-bottom: 1px solid var(--line);
  unicode-bidi: isolate; overflow-wrap: anywhere; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
.time { white-space: nowrap; }
tbody tr:nth-child(even) { background: var(--band); }
figure { margin: 1rem 0; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--text); font: 13px system-ui, sans-serif; }
svg rect { fill: var(--bar); }
pre { background: var(--band); padding: 0.8rem; overflow-x: auto; }
@media print { body { margin: 0; max-width: none; } }
"""
_DIGEST = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
_WIDTH, _LABELS, _ROW, _BAR = 900, 330, 26, 16
_LONGEST_LABEL = 44
_LONGEST_CELL = 300


def as_html(report: Report, limit: int) -> Iterator[str]:
    """The file, with ``limit`` rows of each table."""
    title = _text(report.title)
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n<p>{_text(report.summary)}</p>\n"
    )
    for section in report.sections:
        yield from _section(section, limit)
    if report.notes:
        yield "<h2>Notes</h2>\n<ul>\n"
        yield from (f"<li>{_text(note)}</li>\n" for note in report.notes)
        yield "</ul>\n"
    yield "</main>\n</body>\n</html>\n"


def _section(section: Section, limit: int) -> Iterator[str]:
    yield f'<section aria-labelledby="{_text(section.member)}">\n'
    yield f'<h2 id="{_text(section.member)}">{_text(section.title)}</h2>\n'
    if not section.rows:
        yield f"<p>{_text(section.empty)}</p>\n</section>\n"
        return
    if section.chart is not None:
        yield from _chart(section.chart)
    yield '<div class="table"><table>\n<thead><tr>'
    for column in section.columns:
        yield f'<th scope="col"{_class(column.form)}>{_text(column.heading)}</th>'
    yield "</tr></thead>\n<tbody>\n"
    for row in section.rows[:limit]:
        yield "<tr>"
        for column in section.columns:
            text = _text(shown(row[column.member], column.form))
            yield f"<td{_class(column.form)}>{text}</td>"
        yield "</tr>\n"
    yield "</tbody>\n</table></div>\n"
    left = len(section.rows) - limit
    if left > 0:
        yield f"<p>and {left:,} more; --limit shows more</p>\n"
    for remark in section.remarks:
        yield f"<p>{_text(remark)}</p>\n"
    yield from _rules(section.rows[:limit])
    yield "</section>\n"


def _rules(rows: Sequence[Row]) -> Iterator[str]:
    rules = [row["rule"] for row in rows if row.get("rule")]
    if rules:
        text = yaml.safe_dump(rules, sort_keys=False, allow_unicode=False)
        yield f"<h3>Rules that drop these parts</h3>\n<pre>{escape(text)}</pre>\n"


def _chart(chart: Chart) -> Iterator[str]:
    """Bars beside their labels, and their numbers behind them."""
    height = _ROW * len(chart.points)
    most = max((value for _, value in chart.points), default=0.0) or 1.0
    room = _WIDTH - _LABELS - 110
    yield f"<figure>\n<figcaption>{_text(chart.title)}</figcaption>\n"
    yield (f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{_text(chart.title)}">\n')
    for place, (label, value) in enumerate(chart.points):
        top = place * _ROW
        width = max(1.0, room * value / most)
        number = shown(int(value), chart.form)
        whole = _text(f"{label}: {number}")
        short = visible(go_text(label), _LONGEST_LABEL)
        yield (
            f"<g><title>{whole}</title>"
            f'<text x="{_LABELS - 10}" y="{top + 17}" text-anchor="end">{escape(short)}</text>'
            f'<rect x="{_LABELS}" y="{top + 5}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
            f'<text x="{_LABELS + width + 8:.1f}" y="{top + 17}">{escape(number)}</text></g>\n'
        )
    yield "</svg>\n</figure>\n"


def _class(form: str) -> str:
    if form == TEXT:
        return ""
    return ' class="time"' if form == TIME else ' class="number"'


def _text(text: str) -> str:
    return escape(visible(go_text(text), _LONGEST_CELL))
