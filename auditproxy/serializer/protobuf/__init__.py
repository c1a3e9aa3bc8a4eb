"""Protobuf as kube-apiserver writes it, read by a table of types. PURE."""
