"""Reports over a whole trail, made in one pass: requests are counted in groups, none is kept."""
