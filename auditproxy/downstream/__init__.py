"""The client's wire: bytes in, requests out. Does not depend on the upstream or the policy."""
