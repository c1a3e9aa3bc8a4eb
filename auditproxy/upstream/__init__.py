"""kube-apiserver's wire: requests out, answers in. Does not depend on client connections."""
