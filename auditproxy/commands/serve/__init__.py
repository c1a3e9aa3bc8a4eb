"""What ``auditproxy serve`` shows on a terminal: one line for each request, in place of JSON."""
