"""Where a prior that is made of the model's own posteriors begins: at training examples, as many as it infers from."""

import torch

from termwise.data.dataset import Dataset
from termwise.errors import Refused
from termwise.models.data_pass import DataPass
from termwise.models.priors import PriorOfPosteriors
from termwise.models.vae import VAE


def check_prior_start(model: VAE, data: Dataset) -> None:
    """Raise Refused where the prior is to begin at more examples than there are."""
    prior = model.prior
    if isinstance(prior, PriorOfPosteriors) and not prior.begun and prior.components > len(data):
        raise Refused(
            f"The prior begins at {prior.components} examples, and {data.name} has {len(data)} to train on. Ask for as "
            f'many or fewer: prior = "{prior.name}:{len(data)}".'
        )


def begin_prior(model: VAE, passes: DataPass) -> None:
    """Let the prior begin at examples drawn at random, where it is of such a kind and has not begun yet.

    Args:
        model: Whose prior.
        passes: The training part through the model.
    """
    prior = model.prior
    if isinstance(prior, PriorOfPosteriors) and not prior.begun:
        prior.begin(passes.at(torch.randperm(len(passes))[: prior.components]).inputs)
