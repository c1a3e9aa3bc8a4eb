"""Flags: pflag's grammar, and the table of every flag of ``auditproxy serve``."""
