from .adapters import adapt as adapt
from .bayesian import bayes as bayes
from .draw import Draw as Draw, Drawable as Drawable, expected_example as expected_example
from .latent_files import export_latents as export_latents
from .likelihoods.log_density import LogDensity as LogDensity
from .vae import VAE as VAE
