"""References r(z|x), stops between posterior and prior: a file for each kind, and their table."""
