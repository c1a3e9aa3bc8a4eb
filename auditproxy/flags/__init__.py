"""Flags: pflag's grammar, the table of every flag, help, completion, the configuration file."""
