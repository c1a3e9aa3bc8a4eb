"""One file or folder per subcommand; `serve` is in cli.py."""
