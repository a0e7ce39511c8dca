"""The order of the floors: a folder imports only from those before it."""

ORDER = (
<<<<<<< HEAD
    "errors", "values", "main_memory", "content", "files", "notebook", "registry", "account", "data", "models", "terms",
    "objectives", "worlds", "measuring", "training", "verify", "report", "api", "cli",
=======
    "errors", "values", "main_memory", "content", "files", "registry", "account", "data", "models", "terms",
    "objectives", "worlds", "measuring", "training", "verify", "report", "api", "cli", "__main__",
>>>>>>> 0b60a9b (python -m termwise)
)  # fmt: skip
