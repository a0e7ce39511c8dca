"""Where x comes from."""

from termwise.data.dataset import Batch, Dataset, Values
from termwise.data.load import load_data
from termwise.data.sources import ALWAYS, FORMATS, SOURCES, Source

__all__ = ["ALWAYS", "FORMATS", "SOURCES", "Batch", "Dataset", "Source", "Values", "load_data"]
