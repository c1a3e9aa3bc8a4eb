"""Requests and what kube-apiserver makes of them: rows of its own tests, and rows seen on a server."""

# method, target, verb, group/version, namespace, resource[/subresource], name, parts; "-" is empty
UPSTREAM = """
GET /api/v1/namespaces list /v1 - namespaces - namespaces
GET /api/v1/namespaces/other get /v1 other namespaces other namespaces/other
GET /api/v1/namespaces/other/pods list /v1 other pods - pods
GET /api/v1/namespaces/other/pods/foo get /v1 other pods foo pods/foo
HEAD /api/v1/namespaces/other/pods/foo get /v1 other pods foo pods/foo
GET /api/v1/pods list /v1 - pods - pods
HEAD /api/v1/pods list /v1 - pods - pods
GET /api/v1/proxy/namespaces/other/pods/foo proxy /v1 other pods foo pods/foo
GET /api/v1/proxy/namespaces/other/pods/foo/subpath/not/a/subresource proxy /v1 other pods foo pods/foo/subpath/not/a/subresource
GET /api/v1/watch/pods watch /v1 - pods - pods
GET /api/v1/pods?watch=true watch /v1 - pods - pods
GET /api/v1/pods?watch=false list /v1 - pods - pods
GET /api/v1/watch/namespaces/other/pods watch /v1 other pods - pods
GET /api/v1/namespaces/other/pods?watch=1 watch /v1 other pods - pods
GET /api/v1/namespaces/other/pods?watch=0 list /v1 other pods - pods
GET /api/v1/namespaces/other/pods/foo/status get /v1 other pods/status foo pods/foo/status
GET /api/v1/namespaces/other/pods/foo/proxy/subpath get /v1 other pods/proxy foo pods/foo/proxy/subpath
PUT /api/v1/namespaces/other/finalize update /v1 other namespaces/finalize other namespaces/other/finalize
PUT /api/v1/namespaces/other/status update /v1 other namespaces/status other namespaces/other/status
PATCH /api/v1/namespaces/other/pods/foo patch /v1 other pods foo pods/foo
DELETE /api/v1/namespaces/other/pods/foo delete /v1 other pods foo pods/foo
POST /api/v1/namespaces/other/pods create /v1 other pods - pods
DELETE /api/v1/nodes deletecollection /v1 - nodes - nodes
DELETE /api/v1/namespaces deletecollection /v1 - namespaces - namespaces
DELETE /api/v1/namespaces/other/pods deletecollection /v1 other pods - pods
DELETE /apis/extensions/v1/namespaces/other/pods deletecollection extensions/v1 other pods - pods
POST /apis/extensions/v1/namespaces/other/pods create extensions/v1 other pods - pods
POST /apis/extensions/v1beta3/namespaces/other/pods create extensions/v1beta3 other pods - pods
"""


SEEN_ON_A_SERVER = """
POST /api/v1/watch/pods watch /v1 - pods - pods
HEAD /api/v1/namespaces/d/pods?watch=1 watch /v1 d pods - pods
GET /api/v1/namespaces/other/status/x get /v1 other namespaces/status other namespaces/other/status/x
GET /api/v1/namespaces/other/finalizes list /v1 other finalizes - finalizes
GET /api/v1/pods/ list /v1 - pods - pods
GET //api/v1/pods list /v1 - pods - pods
GET /api//v1/pods get / - v1 pods v1/pods
GET /api/v1//pods get /v1 - - pods /pods
GET /api/v1/namespaces//pods list /v1 - pods - pods
GET /api/v1/namespaces/default/ get /v1 default namespaces default namespaces/default
GET /api/v1/namespaces/default/pods/a%2Fb get /v1 default pods/b a pods/a/b
GET /api/v1/namespaces/default/pods/../../../nodes get /v1 default pods/.. .. pods/../../../nodes
GET /api/v1/namespaces/a/b/c/d/e/f get /v1 a b/d c b/c/d/e/f
PUT /api/v1/nodes update /v1 - nodes - nodes
OPTIONS /api/v1/pods - /v1 - pods - pods
TRACE /api/v1/pods - /v1 - pods - pods
CONNECT /api/v1/pods - /v1 - pods - pods
FOO /api/v1/pods - /v1 - pods - pods
get /api/v1/pods - /v1 - pods - pods
"""


def empty_if_dash(text: str) -> str:
    """Read a cell of a table."""
    return "" if text == "-" else text
