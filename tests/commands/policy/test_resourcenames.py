"""Names of resources as people say them."""

import pytest

from auditproxy.audit.policy.builtinresources import GROUPS_OF
from auditproxy.commands.policy.resourcenames import NamedResource, named_resource
from auditproxy.reading.meaning.conditions import SHORT_NAMES
from auditproxy.reading.meaning.sentences import singular


@pytest.mark.parametrize(
    ("name", "group", "resource"),
    [
        ("deploy", "apps", "deployments"),
        ("Deployment", "apps", "deployments"),
        ("DEPLOYMENTS", "apps", "deployments"),
        ("deploy.apps", "apps", "deployments"),
        ("deployment.v1.apps", "apps", "deployments"),
        ("secret", "", "secrets"),
        ("secret.v1", "", "secrets"),
        ("po", "", "pods"),
        ("ev", "", "events"),
        ("event.events.k8s.io", "events.k8s.io", "events"),
        ("cs", "", "componentstatuses"),
        ("ComponentStatus", "", "componentstatuses"),
        ("netpol", "networking.k8s.io", "networkpolicies"),
        ("IngressClass", "networking.k8s.io", "ingressclasses"),
        ("EndpointSlice", "discovery.k8s.io", "endpointslices"),
        ("Endpoints", "", "endpoints"),
    ],
)
def test_names_that_kubectl_takes(name: str, group: str, resource: str) -> None:
    """Short names, singulars and kinds of built-in resources are their plurals and groups."""
    assert named_resource(name, "") == NamedResource(resource, "", group, said=name)
    assert named_resource(resource, group) == NamedResource(resource, "", group)


def test_subresources_and_groups() -> None:
    """A subresource is that of the plural; what a known group has not is taken as it is."""
    scale = NamedResource("deployments", "scale", "apps", said="deploy/Scale")
    assert named_resource("deploy/Scale", "") == scale
    assert named_resource("deploy", "apps") == NamedResource("deployments", "", "apps", "deploy")
    assert named_resource("foos.v1beta1.example.com/Log", "") == NamedResource(
        "foos", "Log", "example.com"
    )
    assert named_resource("deploy", "example.com") == NamedResource("deploy", "", "example.com")


def test_every_name_of_a_resource() -> None:
    """The kind in lower case of each built-in resource is read, and each short name."""
    for plural in (name for name in GROUPS_OF if "/" not in name):
        assert named_resource(singular(plural), "").resource == plural
    for short, plural in SHORT_NAMES.items():
        assert named_resource(short, "").resource == plural
