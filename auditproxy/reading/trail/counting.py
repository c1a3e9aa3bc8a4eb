"""Counting what the lines of a trail are, without reading what the events say."""

import contextlib
from collections.abc import Sequence

from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.trail.abreast import scan_all
from auditproxy.reading.trail.blocks import blocks_of
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import TrailFile


def count_lines(files: Sequence[TrailFile], counts: Counts, forms: Counts) -> None:
    """Add how many lines of files there are of each kind; raises OSError."""
    search = Search(counts_only=True, most=0)
    with contextlib.closing(scan_all(blocks_of(files), search)) as scans:
        for scanned in scans:
            counts.update(scanned.counts)
            forms.update(scanned.forms)
