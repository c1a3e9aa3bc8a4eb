"""Descriptors: how many connections fit the process's limit of open files.

    open files = 2 x connections of clients     each may have one to the upstream; with recordings
                                                3 x, as each may be a session that has a file
               + OWN                            files, listeners, the event loop, the health port
               + a share for each webhook       its connections
               + a share for whatever else      temporary files, idle connections of look-ups

What does not fit is not promised: accepting a connection never fails for want of a descriptor.
"""

import contextlib
import resource
from dataclasses import dataclass, replace

from auditproxy.apis.faults import Unusable
from auditproxy.options import Options
from auditproxy.options.backends import backends_in_use

OWN = 96
"""Descriptors of the process itself, those of the health port's connections among them."""

WEBHOOK = 100
"""Connections of a webhook, where the limit has room for them."""

LARGEST_SHARE = 4096
"""Descriptors for whatever else, where the limit has room for them."""

SHARE = 8
"""Which part of the limit a webhook, or whatever else, may have at most."""


MANY = 1000
"""Connections with which a proxy serves well; fewer are worth a warning."""


_HOW = "(ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of docker)"


class DescriptorError(Unusable):
    """Nothing is left for clients; the text says what to raise."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Options that fit the limit, and what operators must know of it, "" as a rule."""

    options: Options
    note: str

    @property
    def is_few(self) -> bool:
        """Whether clients will miss what is left out: worth a warning."""
        return bool(self.note) and self.options.serving.max_connections < MANY


def fit(options: Options) -> Fitted:
    """Raise the limit as far as is useful and allowed, and lower what does not fit.

    Raises DescriptorError.
    """
    return fitting(options, raise_limit(needed(options)))


def needed(options: Options) -> int:
    """The limit at which all that is promised fits; the largest there is without a promise."""
    promised = options.serving.max_connections
    if not promised:
        return resource.RLIM_INFINITY
    fixed = OWN + _each(options) * promised + WEBHOOK * _webhooks(options)
    # A share of the whole: so much more than the fixed part that it is an eighth of the sum.
    return fixed + min(LARGEST_SHARE, -(-fixed // (SHARE - 1)))


def raise_limit(wanted: int) -> int:
    """Raise the soft limit to ``wanted``, or as near as the hard one allows; returns the limit.

    The limit is never lowered; RLIM_INFINITY means unlimited.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return soft
    allowed = hard
    if wanted != resource.RLIM_INFINITY:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if allowed == resource.RLIM_INFINITY or allowed > soft:
        # A system may have bounds of its own below the hard limit.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def fitting(options: Options, limit: int) -> Fitted:
    """Options with as many connections as ``limit`` open files allow; raises DescriptorError."""
    promised = options.serving.max_connections
    if limit == resource.RLIM_INFINITY:
        return Fitted(options, "")
    share = limit // SHARE
    rest = limit - OWN - min(share, LARGEST_SHARE) - min(share, WEBHOOK) * _webhooks(options)
    connections = rest // _each(options)
    if connections < 1:
        raise DescriptorError(
            f"the limit of open files is {limit}, which leaves none for clients; raise it "
            "(ulimit -n, LimitNOFILE=) to 1024 or more"
        )
    if promised and promised <= connections:
        return Fitted(options, "")
    fitted = replace(options, serving=replace(options.serving, max_connections=connections))
    if not promised:
        note = (
            f"the limit of open files, {limit}, allows {connections} client connections; "
            f"for more raise it {_HOW}"
        )
    else:
        note = (
            f"at most {connections} client connections at once, not --max-connections {promised}: "
            f"the limit of open files is {limit}; if you need more raise it to {needed(options)} "
            f"{_HOW}, if not give --max-connections={connections}"
        )
    return Fitted(fitted, note)


def _each(options: Options) -> int:
    """Descriptors for one connection of a client."""
    return 3 if options.sessions.recording_config_file else 2


def _webhooks(options: Options) -> int:
    others = (
        options.authentication.token_webhook_config_file,
        options.sessions.webhook_config_file,
    )
    return sum(backend.connects for backend in backends_in_use(options)) + sum(map(bool, others))
