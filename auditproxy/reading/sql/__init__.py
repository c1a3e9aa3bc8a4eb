"""A trail as a database, and the statements of users, asked in a process of their own."""
