"""Backends with policies of their own: which they are, and the services that decide for each."""

from dataclasses import dataclass, replace

from auditproxy.apis.audit import Policy, Stage
from auditproxy.audit.backend import Backend
from auditproxy.audit.policy.evaluator import PolicyRuleEvaluator, with_stage
from auditproxy.backends.union import union
from auditproxy.files.files import Files
from auditproxy.files.redaction import NONE
from auditproxy.options import Options
from auditproxy.options.backendoptions import REFUSING_MODES, BackendOptions
from auditproxy.options.backends import all_backends
from auditproxy.server.services import BackendPolicy, Services


@dataclass(frozen=True, slots=True)
class OwnBackend:
    """A backend with a policy or redaction of its own, and its plugin's name."""

    plugin: str
    backend: Backend


NO_BACKEND = union(())
"""Where events of the main policy go when each backend has a policy of its own."""


def divided(
    options: Options, named: tuple[tuple[str, Backend], ...]
) -> tuple[Backend, tuple[OwnBackend, ...]]:
    """The backend of all that follow the main policy, and each of the others.

    ``named`` are the backends in use, with the names of their plugins.
    """
    own = {each.plugin for each in all_backends(options) if each.has_own_policy}
    common = tuple(backend for plugin, backend in named if plugin not in own)
    return union(common) if common else NO_BACKEND, tuple(
        OwnBackend(plugin, backend) for plugin, backend in named if plugin in own
    )


def with_policies(
    services: Services,
    options: Options,
    files: Files,
    common: Backend,
    own: tuple[OwnBackend, ...],
) -> Services:
    """The services with what each backend gets; unchanged where all get the same.

    ``common`` gets what the main policy decides.
    """
    if not own:
        return services
    groups = {each.plugin: each for each in all_backends(options)}
    policies = tuple(
        BackendPolicy(each.backend, _own(services, groups[each.plugin], files)) for each in own
    )
    if common is not NO_BACKEND:
        policies = (BackendPolicy(common, services), *policies)
    return replace(services, policies=policies)


def _own(services: Services, backend: BackendOptions, files: Files) -> Services:
    """The services as far as one backend's policy and redaction are concerned."""
    group = f"audit_{backend.plugin}"
    policy: Policy = getattr(files, f"{group}_policy") or files.policy
    if backend.mode in REFUSING_MODES:
        policy = with_stage(policy, Stage.REQUEST_RECEIVED)
    redactor = services.redactor
    if backend.redact:
        redactor = None if backend.redact == NONE else getattr(files, f"{group}_redactor")
    return replace(services, evaluator=PolicyRuleEvaluator(policy), redactor=redactor)
