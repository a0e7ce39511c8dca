"""Files, folders and objects of Python's that hold data: a reader each. `termwise.data.sources` has their table."""
