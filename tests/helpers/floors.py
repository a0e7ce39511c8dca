"""The order of the floors: a folder imports only from those before it."""

ORDER = (
    "errors", "values", "schedules", "main_memory", "float64", "fast_paths", "products", "content", "files", "notebook",
    "registry", "account", "data", "models", "terms", "objectives", "functional", "worlds", "measuring", "meter",
    "training", "sweeps", "verify", "report", "plot", "trackers", "callbacks", "api", "cli", "__main__",
)  # fmt: skip
