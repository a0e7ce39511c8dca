"""x -> Draw: networks, posteriors, likelihoods, priors, and anyone's model."""

from termwise.models.adapters import adapt
from termwise.models.bayesian import LogDensity, bayes
from termwise.models.draw import Draw, Drawable, expected_example
from termwise.models.latent_files import export_latents
from termwise.models.vae import VAE

__all__ = ["VAE", "Draw", "Drawable", "LogDensity", "adapt", "bayes", "expected_example", "export_latents"]
