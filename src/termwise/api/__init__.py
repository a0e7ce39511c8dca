"""What ties the rooms together for a user: load_data, train, measure, adapt, compare."""

from termwise.api.attributes import attribute_vectors, attributes
from termwise.api.measure import disentanglement, log_likelihood, measure, sample_quality
from termwise.api.runs import Run, compare, load_model, load_run, write_report
from termwise.api.train import train
from termwise.data import load_data

__all__ = [
    "Run",
    "attribute_vectors",
    "attributes",
    "compare",
    "disentanglement",
    "load_data",
    "load_model",
    "load_run",
    "log_likelihood",
    "measure",
    "sample_quality",
    "train",
    "write_report",
]
