"""``auditproxy rbac unused``: the cluster's RBAC beside what a log has of its use."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.app.standardstreams import Output, one_line
from auditproxy.commands.events.notes import check_has_events, notes_of
from auditproxy.commands.rbac.deriving import FEWER, left_out
from auditproxy.commands.rbac.showing import RightsFound, as_object, as_text
from auditproxy.reading.meaning.conditions import conditions_of, is_user
from auditproxy.reading.meaning.events import GONE
from auditproxy.reading.rbac.manifests import GROUP_KIND, ClusterManifests, ManifestError
from auditproxy.reading.rbac.rights import ALLOWED, groups_in, right_of
from auditproxy.reading.rbac.unused import RightsUse, groups_of_user
from auditproxy.reading.reports.blockpass import PassTask
from auditproxy.reading.reports.onepass import Passed, pass_once
from auditproxy.reading.trail.lines import DAMAGED
from auditproxy.reading.trail.sources import files_of
from auditproxy.serializer import yaml
from auditproxy.serializer.errors import YAMLError

MOST_BYTES = 64 * 1024 * 1024
"""Of all manifests together."""
_ENDINGS = (".yaml", ".yml", ".json")
_DOCUMENT = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
"""No text of a block may begin a line so (YAML 1.2, c-forbidden)."""


def run_unused(
    task: PassTask,
    logs: Sequence[str],
    spool: str,
    settings: Mapping[str, Any],
    output: str,
    out: Output,
    err: Output,
) -> int:
    """Write what was used and what was not; the exit code. Raises Unusable and OSError."""
    manifests = read_manifests(settings["manifests"])
    # Of others nothing is shown, and their rights would take the place of what is.
    users = conditions_of({"user": settings["user"]})
    files = files_of(logs, spool)
    passed = pass_once(files, msgspec.structs.replace(task, users=users))
    for note in notes_of(passed.counts, passed.forms):
        err.write(f"auditproxy: warning: {note}\n")
    check_has_events(passed.counts, files)
    roles, bindings = manifests.counts
    if not bindings:
        err.write("auditproxy: warning: no binding is in the manifests\n")
    incomplete = left_out(passed.tallies)
    if incomplete:
        err.write(
            f"auditproxy: warning: {incomplete}: what has no use is called unknown; {FEWER}\n"
        )
    found = found_in(manifests, passed, settings["user"], settings["group"])
    if output == "json":
        out.write(json.dumps(as_object(found)) + "\n")
    else:
        for line in as_text(found, roles, bindings):
            out.write(line + "\n")
    return 1 if incomplete or passed.counts[DAMAGED] or passed.counts[GONE] else 0


def found_in(
    manifests: ClusterManifests, passed: Passed, users: Sequence[str], group: str
) -> RightsFound:
    """The use of all grants, or of those that users or a group have."""
    wanted = conditions_of({"user": users})
    use = RightsUse(manifests.grants())
    found = RightsFound(use, left_out=passed.tallies.others.requests)
    groups: set[str] = {group} if group else set()
    for key, tally in passed.tallies.groups.items():
        name, of = key[1], groups_in(key)
        if not is_user(wanted, name) or (group and group not in of):
            continue
        if users and not group:
            groups |= set(groups_of_user(name, of))
        found.first = min(found.first or tally.first, tally.first)
        found.last = max(found.last, tally.last)
        if key[0] != ALLOWED:
            use.see(name, of)
            continue
        # What is only added was not requested itself.
        requests = 0 if key[3] else tally.requests
        use.add(name, of, right_of(key), requests, tally.first, tally.last)
    if users or group:
        use.grants = [
            one
            for one in use.grants
            if (
                one.grant.subject in groups
                if one.grant.kind == GROUP_KIND
                else not group and is_user(wanted, one.grant.subject)
            )
        ]
    return found


def read_manifests(names: Sequence[str]) -> ClusterManifests:
    """The RBAC of files and folders; raises Unusable with each file's fault."""
    manifests, faults, left = ClusterManifests(), [], MOST_BYTES
    for name in names:
        try:
            for path in _files(Path(name)):
                with path.open("rb") as file:
                    raw = file.read(left + 1)
                left -= len(raw)
                if left < 0:
                    raise Unusable(f"--manifests: more than {MOST_BYTES} bytes; name fewer files")
                for value in _documents(raw):
                    manifests.take(value)
        except OSError as error:
            faults.append(f"--manifests: {one_line(name)}: {error.strerror}")
        except UnicodeDecodeError:
            faults.append(
                f"--manifests: {one_line(name)}: it is not YAML or JSON; save what kubectl get "
                "--output=yaml prints"
            )
        except (ManifestError, YAMLError, ValueError, RecursionError) as error:
            faults.append(f"--manifests: {one_line(name)}: {one_line(str(error))[:300]}")
    if faults:
        raise Unusable(*faults)
    return manifests


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.iterdir() if each.suffix in _ENDINGS)
    if not found:
        raise ManifestError("the folder has no file that ends in .yaml, .yml or .json")
    return found


def _documents(raw: bytes) -> Iterator[Any]:
    """Each document; JSON is read as JSON, which is faster."""
    if raw.lstrip()[:1] == b"{":
        try:
            yield json.loads(raw)
        except json.JSONDecodeError:
            pass
        else:
            return
    for text in _DOCUMENT.split(raw.decode("utf-8-sig")):
        if text.strip():
            yield yaml.load_strict(text)[0]
