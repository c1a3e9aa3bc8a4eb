"""How far kube-apiserver got with a request that it refused, check by check. PURE."""
