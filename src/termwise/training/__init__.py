"""Players -> a run folder."""

from termwise.training.config import Config, config_from, merged, read_config, with_setting
from termwise.training.loop import Trainer
from termwise.training.resolve import resolve
from termwise.training.run_folder import RunFolder

__all__ = ["Config", "RunFolder", "Trainer", "config_from", "merged", "read_config", "resolve", "with_setting"]
