from .table import TRACKERS as TRACKERS
from .tracker import TrackedRun as TrackedRun, Tracker as Tracker
from .tracking import Tracking as Tracking
