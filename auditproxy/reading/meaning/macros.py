"""Macros: functions in SQL that say what facts.py says, for the filters and the views.

Pure: text.
"""

FUNCTIONS = (
    """CREATE MACRO short_user(u) AS CASE
      WHEN regexp_matches(u, '^system:serviceaccount:[^:]*:[^:]*$')
        THEN replace(u[length('system:serviceaccount:') + 1 :], ':', '/')
      WHEN starts_with(u, 'system:node:') THEN 'node/' || u[length('system:node:') + 1 :]
      ELSE u END""",
    """CREATE MACRO kind_of(u) AS CASE
      WHEN coalesce(u, '') = '' THEN 'unknown'
      WHEN u = 'system:anonymous' THEN 'anonymous'
      WHEN starts_with(u, 'system:serviceaccount:') THEN 'serviceaccount'
      WHEN starts_with(u, 'system:node:') THEN 'node'
      WHEN starts_with(u, 'system:') THEN 'control-plane'
      ELSE 'human' END""",
    """CREATE MACRO stage_rank(s) AS CASE s
      WHEN 'RequestReceived' THEN 0 WHEN 'ResponseStarted' THEN 1
      WHEN 'ResponseComplete' THEN 2 WHEN 'Panic' THEN 3 ELSE 0 END""",
)
"""Statements that make them; a query of a user can use them too."""
