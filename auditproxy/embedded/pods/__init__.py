"""What a kubelet does for the embedded API server: exec, attach, logs, port-forward."""
