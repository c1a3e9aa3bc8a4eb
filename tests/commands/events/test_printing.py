"""Requests as lines, one list after the other."""

from auditproxy.commands.events.printing import Printer
from tests.commands.events.how import shown
from tests.fakes.trails import event, facts


def test_one_list_after_the_other() -> None:
    """One heading; columns stay as wide as they were."""
    printer = Printer(shown())
    first = list(printer.lines([facts(event(name="a-long-name-of-a-pod"))]))
    second = list(printer.lines([facts(event(name="b"))]))
    assert first[0].startswith("TIME")
    assert len(second) == 1
    assert second[0].index("200") == first[1].index("200")
    assert list(printer.lines([])) == []


def test_csv_has_one_heading() -> None:
    """Before the first row."""
    printer = Printer(shown(output="csv"))
    assert len(list(printer.lines([facts(event())]))) == 2
    assert len(list(printer.lines([facts(event())]))) == 1


def test_objects_are_remembered() -> None:
    """A change is compared with what an earlier list had."""
    printer = Printer(shown(diff=True))
    body = {"metadata": {"name": "web"}, "spec": {"replicas": 2}}
    made = event("get", "deployments", "web", responseObject=body)
    list(printer.lines([facts(made)]))
    after = body | {"spec": {"replicas": 5}}
    patch = event(
        "patch", "deployments", "web", at="11:00:00", requestObject={}, responseObject=after
    )
    (line, change) = printer.lines([facts(patch)])
    assert "(replicas 2 -> 5)" in line
    assert change == "    spec.replicas 2 -> 5\n"


def test_without_times() -> None:
    """An event that was cut off before them has no time, and not one of 1970."""
    cut = {"requestReceivedTimestamp": "", "stageTimestamp": ""}
    _, line = Printer(shown()).lines([facts(event() | cut)])
    assert line.startswith("- ")
