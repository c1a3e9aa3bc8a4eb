"""Files of lines: how they are written, rotated, locked and synced; nothing of what a line says."""
