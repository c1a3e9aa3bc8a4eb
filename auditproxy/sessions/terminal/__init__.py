"""What a user enters on a terminal, found by following what the terminal shows. PURE; no I/O."""
