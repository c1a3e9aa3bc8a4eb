"""What the client asks to be: impersonation and the reviews it needs (floor 4, pure)."""
