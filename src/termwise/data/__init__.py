"""Where x comes from."""
