"""Models of other packages that need no functions written for them: one file each, and one table."""
