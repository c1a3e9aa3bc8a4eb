"""What is wrong with an AuthenticationConfiguration: all of it at once.

Rules and words are kube-apiserver's (apiserver pkg/apis/apiserver/validation/validation.go).
"""

import re
from urllib.parse import urlsplit

from auditproxy.apis.authentication import (
    AuthenticationConfiguration,
    Issuer,
    JWTAuthenticator,
)

MATCH_ANY = "MatchAny"
LARGEST_NUMBER_OF_ISSUERS = 64

_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_EXTRA_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
_EMAIL = re.compile(r"\bclaims\s*(?:\.\s*\??\s*email\b|\[\s*\??\s*[\"']email[\"']\s*\])")
_EMAIL_VERIFIED = re.compile(
    r"\bclaims\s*(?:\.\s*\??\s*email_verified\b|\[\s*\??\s*[\"']email_verified[\"']\s*\])"
)


def configuration_faults(
    configuration: AuthenticationConfiguration, service_account_issuers: tuple[str, ...]
) -> list[str]:
    """Every fault of a configuration, with the path of the field it is in; [] when sound."""
    faults: list[str] = []
    if len(configuration.jwt) > LARGEST_NUMBER_OF_ISSUERS:
        faults.append(f"jwt: Too many: must have at most {LARGEST_NUMBER_OF_ISSUERS} items")
    urls: set[str] = set()
    for index, jwt in enumerate(configuration.jwt):
        place = f"jwt[{index}]"
        faults += issuer_faults(jwt.issuer, f"{place}.issuer", service_account_issuers)
        for name, url in (("url", jwt.issuer.url), ("discoveryURL", jwt.issuer.discovery_url)):
            if url and url in urls:
                faults.append(f'{place}.issuer.{name}: Duplicate value: "{url}"')
            urls.add(url)
        faults += _rule_faults(jwt, place)
        faults += _mapping_faults(jwt, f"{place}.claimMappings")
    anonymous = configuration.anonymous
    paths = anonymous.paths if anonymous else ()
    for index, path in enumerate(paths):
        if not path:
            faults.append(f"anonymous.conditions[{index}].path: Required value: give a path")
        elif path in paths[:index]:
            faults.append(f'anonymous.conditions[{index}].path: Duplicate value: "{path}"')
    return faults


def issuer_faults(
    issuer: Issuer, place: str, service_account_issuers: tuple[str, ...]
) -> list[str]:
    """What is wrong with an issuer's URLs and audiences."""
    faults = _url_faults(issuer.url, f"{place}.url")
    if issuer.url in service_account_issuers:
        faults.append(
            f'{place}.url: Invalid value: "{issuer.url}": URL must not overlap with disallowed '
            "issuers: it is one of --service-account-issuer"
        )
    if issuer.discovery_url:
        faults += _url_faults(issuer.discovery_url, f"{place}.discoveryURL")
        if issuer.discovery_url.rstrip("/") == issuer.url.rstrip("/"):
            faults.append(
                f'{place}.discoveryURL: Invalid value: "{issuer.discovery_url}": discoveryURL must '
                "be different from URL"
            )
    if not issuer.audiences:
        faults.append(f"{place}.audiences: Required value: at least one audience is required")
    for index, audience in enumerate(issuer.audiences):
        if not audience:
            faults.append(f"{place}.audiences[{index}]: Required value: audience can't be empty")
        elif audience in issuer.audiences[:index]:
            faults.append(f'{place}.audiences[{index}]: Duplicate value: "{audience}"')
    policy = issuer.audience_match_policy
    if len(issuer.audiences) > 1 and policy != MATCH_ANY:
        faults.append(
            f'{place}.audienceMatchPolicy: Invalid value: "{policy}": audienceMatchPolicy must be '
            "MatchAny for multiple audiences"
        )
    elif policy not in ("", MATCH_ANY):
        faults.append(
            f'{place}.audienceMatchPolicy: Invalid value: "{policy}": audienceMatchPolicy must be '
            "empty or MatchAny for single audience"
        )
    return faults


def _url_faults(url: str, place: str) -> list[str]:
    if not url:
        return [f"{place}: Required value: URL is required"]
    try:
        parts = urlsplit(url)
        valid = bool(parts.netloc) and parts.port != 0
    except ValueError:  # also from the port
        return [f'{place}: Invalid value: "{url}": it is not a valid URL']
    shown = url.rpartition("@")[2] if "@" in url else url
    faults = []
    if parts.scheme != "https":
        faults.append(f'{place}: Invalid value: "{shown}": URL scheme must be https')
    if "@" in parts.netloc:
        faults.append(f"{place}: Invalid value: URL must not contain a username or password")
    if parts.query or "?" in url:
        faults.append(f'{place}: Invalid value: "{shown}": URL must not contain a query')
    if parts.fragment or "#" in url:
        faults.append(f'{place}: Invalid value: "{shown}": URL must not contain a fragment')
    if not valid:
        faults.append(f'{place}: Invalid value: "{shown}": URL must have a host')
    return faults


def _rule_faults(jwt: JWTAuthenticator, place: str) -> list[str]:
    faults = []
    seen: set[str] = set()
    for index, rule in enumerate(jwt.claim_validation_rules):
        where = f"{place}.claimValidationRules[{index}]"
        if bool(rule.claim) == bool(rule.expression):
            faults.append(f"{where}: Required value: give either claim or expression")
        elif rule.claim and rule.message:
            faults.append(f"{where}.message: Invalid value: message can't be set with claim")
        elif rule.expression and rule.required_value:
            faults.append(
                f"{where}.requiredValue: Invalid value: requiredValue can't be set with expression"
            )
        if (key := rule.claim or rule.expression) in seen and key:
            faults.append(f'{where}: Duplicate value: "{key}"')
        seen.add(key)
    expressions: set[str] = set()
    for index, user_rule in enumerate(jwt.user_validation_rules):
        where = f"{place}.userValidationRules[{index}].expression"
        if not user_rule.expression:
            faults.append(f"{where}: Required value: expression is required")
        elif user_rule.expression in expressions:
            faults.append(f'{where}: Duplicate value: "{user_rule.expression}"')
        expressions.add(user_rule.expression)
    return faults


def _mapping_faults(jwt: JWTAuthenticator, place: str) -> list[str]:
    mappings = jwt.claim_mappings
    faults = []
    if not mappings.username.claim and not mappings.username.expression:
        faults.append(f"{place}.username: Required value: claim or expression is required")
    for name, mapping in (("username", mappings.username), ("groups", mappings.groups)):
        if mapping.claim and mapping.expression:
            faults.append(f"{place}.{name}: Invalid value: claim and expression can't both be set")
        elif mapping.claim and mapping.prefix is None:
            faults.append(
                f"{place}.{name}.prefix: Required value: prefix is required when claim is set. It "
                "can be set to an empty string to disable prefixing"
            )
        elif mapping.prefix is not None and not mapping.claim:
            faults.append(
                f"{place}.{name}.prefix: Invalid value: prefix can be set with claim only"
            )
    if mappings.uid.claim and mappings.uid.expression:
        faults.append(f"{place}.uid: Invalid value: claim and expression can't both be set")
    for index, extra in enumerate(mappings.extra):
        where = f"{place}.extra[{index}]"
        faults += _extra_key_faults(extra.key, f"{where}.key")
        if extra.key in [other.key for other in mappings.extra[:index]]:
            faults.append(f'{where}.key: Duplicate value: "{extra.key}"')
        if not extra.value_expression:
            faults.append(f"{where}.valueExpression: Required value: valueExpression is required")
    if _EMAIL.search(mappings.username.expression):
        others = (
            mappings.username.expression,
            *(extra.value_expression for extra in mappings.extra),
            *(rule.expression for rule in jwt.claim_validation_rules),
        )
        if not any(_EMAIL_VERIFIED.search(other) for other in others):
            faults.append(
                f"{place}.username.expression: Invalid value: claims.email_verified must be used "
                "in claimMappings.username.expression, claimMappings.extra[*].valueExpression or "
                "claimValidationRules[*].expression when claims.email is used in "
                "claimMappings.username.expression"
            )
    return faults


def _extra_key_faults(key: str, place: str) -> list[str]:
    domain, slash, path = key.partition("/")
    if not key:
        return [f"{place}: Required value: key is required"]
    if not slash or not _DOMAIN.fullmatch(domain.lower()) or not _EXTRA_PATH.fullmatch(path):
        return [f'{place}: Invalid value: "{key}": give a domain-prefixed path, as example.com/key']
    if key != key.lower():
        return [f'{place}: Invalid value: "{key}": key must be lowercase']
    for reserved in ("k8s.io", "kubernetes.io"):
        if domain == reserved or domain.endswith(f".{reserved}"):
            return [f'{place}: Invalid value: "{key}": {reserved} is reserved for Kubernetes use']
    return []
