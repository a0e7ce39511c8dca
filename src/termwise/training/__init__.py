"""Players -> a run folder."""

from termwise.training.config import Config, config_from, merged, read_config, with_setting
from termwise.training.folder import RunFolder
from termwise.training.loop import Trainer

__all__ = ["Config", "RunFolder", "Trainer", "config_from", "merged", "read_config", "with_setting"]
