"""Rules of RBAC, and what they allow, to the letter (pkg/apis/rbac/v1/evaluation_helpers.go).

Pure. ``*`` is everything in verbs, apiGroups and resources; ``*/scale`` is a subresource of every
resource, and ``pods/*`` is only a text. A path may end in ``*``. An empty resourceNames is any
name.
"""

import msgspec

ALL = "*"
GENERATED = frozenset(
    (
        "controllerrevisions",
        "endpointslices",
        "events",
        "jobs",
        "pods",
        "replicasets",
    )
)
"""Resources whose names are mostly made by controllers."""


class AskedRight(msgspec.Struct, frozen=True):
    """What an authorizer was asked: about a resource, or, where there is a path, about the path.

    ``resource`` has its subresource: ``pods/exec``. ``name`` is "" for collections.
    """

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


class RbacRule(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """A PolicyRule of rbac.authorization.k8s.io/v1."""

    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = msgspec.field(default=(), name="nonResourceURLs")
    verbs: tuple[str, ...] = ()

    def allows(self, asked: AskedRight) -> bool:
        """Whether it allows what was asked, in whatever namespace it holds."""
        if not (ALL in self.verbs or asked.verb in self.verbs):
            return False
        if asked.path:
            return any(_is_path(url, asked.path) for url in self.non_resource_urls)
        if not (ALL in self.api_groups or asked.group in self.api_groups):
            return False
        if not any(_is_resource(one, asked.resource) for one in self.resources):
            return False
        return not self.resource_names or asked.name in self.resource_names


def _is_path(url: str, path: str) -> bool:
    if url in (ALL, path):
        return True
    return url.endswith(ALL) and path.startswith(url.rstrip(ALL))


def _is_resource(wanted: str, resource: str) -> bool:
    if wanted in (ALL, resource):
        return True
    _, slash, subresource = resource.partition("/")
    return bool(slash) and wanted == f"{ALL}/{subresource}"
