"""The files of a trail, scanned: whole, abreast, from the end, and as they grow."""
