"""Media types: what a Content-Type says, without its parameters."""

from functools import lru_cache

MAXIMUM_TYPES = 256
"""Content-Types that are remembered."""
LONGEST_TYPE = 256
"""Characters of one of them."""


def base_type(content_type: str) -> str:
    """A Content-Type without its parameters, in lower case."""
    if len(content_type) > LONGEST_TYPE:
        return _base_type.__wrapped__(content_type)
    return _base_type(content_type)


@lru_cache(maxsize=MAXIMUM_TYPES)
def _base_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
