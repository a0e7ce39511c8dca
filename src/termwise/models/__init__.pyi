from .adapters import adapt as adapt
from .bayesian import bayes as bayes
from .blocks import Block as Block
from .distributions import expected_example as expected_example
from .draw import Draw as Draw, Drawable as Drawable
from .latent_files import export_latents as export_latents
from .likelihoods.log_density import LogDensity as LogDensity
from .missing import Filler as Filler
from .vae import VAE as VAE
