"""Tests against a real kube-apiserver, where KUBEBUILDER_ASSETS names one."""
