"""Resources as people name them to kubectl: short names, singulars and kinds, to plural and group.

    deploy, Deployment, deployment.apps, deployments.v1.apps    deployments of the group apps

A rule of a policy and a request have the plural and the group alone, so a name that is not
resolved would be that of another resource, about which the policy says something else.
"""

import difflib
import re
from dataclasses import dataclass

from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.audit.policy.builtinresources import GROUPS_OF
from auditproxy.reading.meaning.conditions import SHORT_NAMES
from auditproxy.reading.meaning.sentences import singular

_VERSION = re.compile(r"v[0-9]+((alpha|beta)[0-9]+)?", re.ASCII)
_NEAREST = 3
"""Names that a refusal shows."""
_PLURALS = {singular(name): name for name in GROUPS_OF if "/" not in name} | {
    short: name for short, name in SHORT_NAMES.items() if name in GROUPS_OF
}
"""Plurals by singulars and short names; a kind in lower case is a singular."""


@dataclass(frozen=True, slots=True)
class NamedResource:
    """A resource of a request; ``said`` is how it was named, "" where that is its plural."""

    resource: str
    subresource: str
    group: str
    said: str = ""


def named_resource(text: str, group: str) -> NamedResource:
    """The resource that ``text`` names; raises Unusable for one that is not known and has no group.

    ``group`` is that of --api-group, "" for none. A name of a group that has no such built-in
    resource is taken as it is: what extensions add is not known.
    """
    both, _, subresource = text.partition("/")
    name, _, given = both.partition(".")
    version, _, rest = given.partition(".")
    if _VERSION.fullmatch(version):
        given = rest
    given = given or group
    plural = name.lower()
    plural = _PLURALS.get(plural, plural) if plural not in GROUPS_OF else plural
    slash = f"/{subresource.lower()}" if subresource else ""
    groups = GROUPS_OF.get(plural + slash, ())
    if given:
        if given in groups:
            name, subresource = plural, subresource.lower()
    elif not groups:
        raise Unusable(_unknown(text, plural, subresource))
    else:
        # Events are of two groups; clients ask for those of the core group.
        given = groups[0]
        name, subresource = plural, subresource.lower()
    said = text if name != both.partition(".")[0] else ""
    return NamedResource(name, subresource, given, said)


def _unknown(text: str, plural: str, subresource: str) -> str:
    """One line with what is perhaps meant, and what to give for a resource of an extension."""
    given = f"--resource={go_quote(text)} is not known"
    if subresource and plural in GROUPS_OF:
        of_it = [each for each in GROUPS_OF if each.startswith(f"{plural}/")]
        near = difflib.get_close_matches(
            f"{plural}/{subresource.lower()}", of_it, n=_NEAREST, cutoff=0.0
        )
        meant = (
            f"did you mean {' or '.join(near)}? A" if near else f"{plural} have no subresources; a"
        )
        return f"{given}: {meant}n object goes to --name, any other request to --path"
    near = difflib.get_close_matches(text.lower(), [*GROUPS_OF, *_PLURALS], n=_NEAREST, cutoff=0.7)
    meant = f"did you mean {' or '.join(near)}? A" if near else "a"
    return (
        f"{given}: {meant} resource of an extension needs its group, as in "
        "--resource=foos.example.com or with --api-group"
    )
