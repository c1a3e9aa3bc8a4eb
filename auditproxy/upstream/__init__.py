"""kube-apiserver's wire: requests out, answers in. Nothing here knows a client's connection."""
