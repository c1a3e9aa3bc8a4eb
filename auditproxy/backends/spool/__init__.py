"""The spool: events on the disk until a remote receiver has acknowledged them."""
