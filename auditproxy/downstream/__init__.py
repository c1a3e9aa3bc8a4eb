"""The client's wire: bytes in, requests out. Nothing here knows the upstream or the policy."""
