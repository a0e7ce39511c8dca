"""Players -> a run folder."""
