"""An account from inside anyone's loop: the posteriors of its batches, remembered and measured."""

from termwise.meter.meter import Meter

__all__ = ["Meter"]
