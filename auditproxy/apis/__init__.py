"""Words of kube-apiserver as frozen values: Status, UserInfo, Event, Policy (floor 1, pure)."""
