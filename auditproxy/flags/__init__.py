"""Flags: pflag's grammar, the flags of the settings, help, completion, the configuration file."""
