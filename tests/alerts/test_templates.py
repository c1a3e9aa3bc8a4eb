"""Templates: places for values, nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.alerts.templates import LONGEST_TEMPLATE, Template, TemplateError

KNOWN = ("user", "namespace")


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ user }}", "<user>"),
        ("{{user}} in {{  namespace }}!", "<user> in <namespace>!"),
        ("{{ user or nobody }} of {{namespace  or  all of them}}", "<user> of <namespace>"),
        ("{user} } }} %s $user", "{user} } }} %s $user"),
    ],
)
def test_render(text: str, rendered: str) -> None:
    """Only names in double braces are places."""
    assert Template(text, KNOWN).render(lambda name: f"<{name}>") == rendered


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ user }} in {{ namespace }}", " in "),
        ("{{ user or nobody }} in {{ namespace or all namespaces }}.", "nobody in all namespaces."),
        ("{{ user or {x }}", None),
        ("{{ user or }}", None),
        ("{{ user ornobody }}", None),
    ],
)
def test_empty_values(text: str, rendered: str | None) -> None:
    """The words behind ``or`` stand for a value that is empty."""
    if rendered is None:
        with pytest.raises(TemplateError, match="without a field"):
            Template(text, KNOWN)
    else:
        assert Template(text, KNOWN).render(lambda _: "") == rendered


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{{ usr }}", r"usr \}\} is not a field; did you mean user\?"),
        ("{{ xyz }}", "known are user, namespace"),
        ("{{ }}", "is not a field"),
        ("{{ user", "without a field"),
        ("{{ user.name }}", "without a field"),
        ("{{ user | upper }}", "without a field"),
        ("{{ usr or nobody }}", r"usr \}\} is not a field; did you mean user\?"),
        ("a" * (LONGEST_TEMPLATE + 1), "longer than"),
    ],
)
def test_refused(text: str, fault: str) -> None:
    """What looks like a place must be one."""
    with pytest.raises(TemplateError, match=fault):
        Template(text, KNOWN)


def test_all_that_is_wrong() -> None:
    """A place that is not closed is reported beside a field that does not exist."""
    with pytest.raises(TemplateError) as caught:
        Template("{{ usr }} {{ xyz }} {{ command }", KNOWN)
    assert [fault.partition(" ")[0] for fault in caught.value.faults] == ["{{", "{{", "has"]


@given(st.text(), st.text())
def test_a_value_is_no_template(text: str, value: str) -> None:
    """Values are put in as they are; any text is a template or refused."""
    try:
        template = Template(text, KNOWN)
    except TemplateError:
        return
    rendered = template.render(lambda _: "{{ user }}" + value)
    assert rendered.count("{{ user }}" + value) >= len(template.names)
