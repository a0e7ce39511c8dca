"""What ties the rooms together for a user: a file for each public verb, named for it."""

from termwise.api.attribute_vectors import attribute_vectors
from termwise.api.attributes import attributes
from termwise.api.compare import compare
from termwise.api.disentanglement import disentanglement
from termwise.api.frontier import frontier
from termwise.api.generate import generate
from termwise.api.group_aggregates import group_aggregates
from termwise.api.hub import from_hub, push_to_hub
from termwise.api.imputation_error import imputation_error
from termwise.api.impute import impute
from termwise.api.interpolate import interpolate
from termwise.api.log_likelihood import log_likelihood
from termwise.api.measure import measure
from termwise.api.run import Run, load_model, load_run
from termwise.api.sample_quality import sample_quality
from termwise.api.sweep import sweep
from termwise.api.tokenizer_report import tokenizer_report
from termwise.api.train import train
from termwise.api.traverse import traverse
from termwise.api.write_comparison import write_comparison
from termwise.api.write_frontier import write_frontier
from termwise.api.write_report import write_report
from termwise.data import load_data

__all__ = [
    "Run",
    "attribute_vectors",
    "attributes",
    "compare",
    "disentanglement",
    "from_hub",
    "frontier",
    "generate",
    "group_aggregates",
    "imputation_error",
    "impute",
    "interpolate",
    "load_data",
    "load_model",
    "load_run",
    "log_likelihood",
    "measure",
    "push_to_hub",
    "sample_quality",
    "sweep",
    "tokenizer_report",
    "train",
    "traverse",
    "write_comparison",
    "write_frontier",
    "write_report",
]
