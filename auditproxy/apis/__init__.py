"""Words and values: Status, UserInfo, attributes, Event. PURE; imports nothing of ours."""
