"""Many trainings of one configuration in which some keys vary -> readings by setting, with errors between seeds."""

from termwise.sweeps.importance import Importance
from termwise.sweeps.replicas import OverSeeds, over_seeds
from termwise.sweeps.result import SettingReading, Sweep, SweptRun, load_sweep
from termwise.sweeps.sweep_config import SweepConfig, sweep_config_from
from termwise.sweeps.sweep_folder import SweepFolder

__all__ = [
    "Importance",
    "OverSeeds",
    "SettingReading",
    "Sweep",
    "SweepConfig",
    "SweepFolder",
    "SweptRun",
    "load_sweep",
    "over_seeds",
    "sweep_config_from",
]
