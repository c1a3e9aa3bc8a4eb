"""The words, flags and examples of ``auditproxy events``, which help and completion need."""

from auditproxy.apis.units import SECOND
from auditproxy.flags.pflag import BOOL, DURATION, HELP, INT, LIST, STRING, Flag

WORDS = ("list", "show", "tail", "query")
OUTPUTS = ("table", "wide", "json", "yaml", "csv", "name")
COLORS = ("auto", "always", "never")
KINDS = ("human", "serviceaccount", "node", "control-plane", "anonymous", "unknown")
"""Those of reading/meaning/facts.py, without its imports: help and completion are made of this."""
FILTERS = (
    "user",
    "group",
    "kind",
    "verb",
    "resource",
    "namespace",
    "name",
    "code",
    "audit-id",
    "source-ip",
    "user-agent",
)

FLAGS = (
    Flag(
        "user",
        LIST,
        (),
        "Only requests of these users, or made as them: alice, *@example.com, shop/web for a "
        "service account, node/worker-1. As in every filter, several values mean any of them, an "
        "asterisk stands for anything, and !alice means all but alice.",
    ),
    Flag("group", LIST, (), "Only requests of users in these groups."),
    Flag(
        "kind",
        LIST,
        (),
        "Only requests of humans, or of serviceaccount, node, control-plane, anonymous or unknown "
        "(a failed login has no user), by the form of their names.",
        choices=KINDS,
    ),
    Flag("verb", LIST, (), "Only these verbs: get, list, watch, create, update, patch, delete ..."),
    Flag(
        "resource",
        LIST,
        (),
        "Only these resources: secrets, pods/exec, pods/*, */scale, deployments.apps, or a short "
        "name such as cm. pods means pods alone, and none of their subresources.",
    ),
    Flag("namespace", LIST, (), "Only requests for objects in these namespaces.", shorthand="n"),
    Flag("name", LIST, (), "Only requests for objects with these names."),
    Flag("code", LIST, (), "Only answers with these HTTP codes or classes: 403, 4xx."),
    Flag(
        "since",
        STRING,
        "",
        "Only requests that came at this time or later: a duration before now such as 2h or 7d, "
        "yesterday, 14:02, 'tuesday 09:00', a date, or a date and time. UTC without a zone.",
    ),
    Flag(
        "until",
        STRING,
        "",
        "Only requests that came before this time; a date alone includes the whole day.",
    ),
    Flag("audit-id", LIST, (), "Only requests with these audit IDs; an asterisk is allowed."),
    Flag("source-ip", LIST, (), "Only requests with one of these among their source addresses."),
    Flag("user-agent", LIST, (), "Only requests of these programs, such as kubectl*."),
    Flag(
        "where",
        STRING,
        "",
        "list: only requests for which this expression in SQL is true, over the columns that "
        "docs/reading.md names, such as \"seconds > 1 AND verb = 'get'\". Needs the extra explore.",
    ),
    Flag(
        "output",
        STRING,
        "table",
        "table, wide, json (one object per request and line), yaml, csv, or name (audit IDs); of "
        "show: table or json; of query: table, json (one object per row and line) or csv. The "
        "column ALLOWED BY of wide is filled in logs of kube-apiserver, and in a proxy's with "
        "--audit-authorization-annotations=review.",
        shorthand="o",
        choices=OUTPUTS,
    ),
    Flag(
        "diff", BOOL, False, "Below each write, what it set or changed, where bodies are recorded."
    ),
    Flag("limit", INT, 50, "How many requests to show: the newest. At most 100000."),
    Flag(
        "follow",
        BOOL,
        False,
        "tail: continue with the requests that come, across rotation, until Ctrl-C.",
        shorthand="f",
    ),
    Flag("reverse", BOOL, False, "list: the oldest first."),
    Flag("local-time", BOOL, False, "Show and read times in the local time zone instead of UTC."),
    Flag(
        "session-log",
        LIST,
        (),
        "show: session logs that have the commands that were entered on terminals.",
    ),
    Flag(
        "save",
        STRING,
        "",
        "query: write the rows to this Parquet file instead. Other commands read one of SELECT * "
        "FROM events as a log, many times faster than the logs themselves.",
    ),
    Flag(
        "timeout",
        DURATION,
        300 * SECOND,
        "query: the time after which a statement is ended.",
    ),
    Flag(
        "color", STRING, "auto", "auto, always or never. auto means on a terminal.", choices=COLORS
    ),
    HELP,
)
"""Every flag of ``auditproxy events``."""

EXAMPLES = (
    (
        "The newest requests in a log and what was rotated from it.",
        "auditproxy events list /var/log/kubernetes/",
    ),
    (
        "Who used a shell in a pod of a namespace this week.",
        "auditproxy events list audit*.log* --resource=pods/exec -n shop --since=7d",
    ),
    (
        "Requests as they come, of people alone.",
        "auditproxy events tail --follow --kind=human /var/log/kubernetes/audit.log",
    ),
    (
        "One request whole; the first characters of its audit ID are enough.",
        "auditproxy events show 6a1c9d3e /var/log/kubernetes/",
    ),
    (
        "What people were refused, as JSON.",
        "auditproxy events list audit.log --kind=human --code=4xx --output=json | jq .sentence",
    ),
    (
        "A question of your own in SQL; docs/events-schema.md has the columns.",
        'auditproxy events query "SELECT username, count(*) FROM requests WHERE code = 403 '
        'GROUP BY ALL" /var/log/kubernetes/',
    ),
    (
        "A trail as one small file that is searched in a moment, by list and show too.",
        'auditproxy events query "SELECT * FROM events" /var/log/kubernetes/ --save=trail.parquet',
    ),
    (
        "What changed, from kubectl logs.",
        "kubectl logs -n audit proxy-0 | auditproxy events list - --verb=patch --diff",
    ),
)
"""What help shows first: a comment and a command line."""


QUERY_OUTPUTS = ("table", "json", "csv")
QUERY_FLAGS = ("output", "save", "timeout", "color")
"""The flags of query; the others are about lists of requests."""
SHOW_OUTPUTS = ("table", "json")
SHOW_FLAGS = ("output", "session-log", "local-time", "color")
"""The flags of show; the others are about lists of requests."""
