"""Players -> a run folder."""

from termwise.training.checkpoint import TrainerState
from termwise.training.config import Config, config_from, merged, read_config, with_setting
from termwise.training.loop import Trainer
from termwise.training.resolve import resolve
from termwise.training.run_folder import RunFolder
from termwise.training.watchers import Bar, Silent, Watcher

__all__ = [
    "Bar",
    "Config",
    "RunFolder",
    "Silent",
    "Trainer",
    "TrainerState",
    "Watcher",
    "config_from",
    "merged",
    "read_config",
    "resolve",
    "with_setting",
]
