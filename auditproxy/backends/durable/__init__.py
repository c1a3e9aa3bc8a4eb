"""Mode ``durable`` and the hash chain: lines that the disk has, and whose order can be proved."""
