"""What a configuration names: the data and the model, made or read."""

from termwise.data import Dataset, load_data
from termwise.errors import BadData, Refused
from termwise.models import VAE
from termwise.training import Config
from termwise.training.resolve import OWN


def configured_data(config: Config) -> Dataset:
    """The data that a configuration names."""
    arguments = config.data.arguments()
    source = arguments.pop("source", None)
    if source is None:
        raise Refused("No data: give a source's name, a path, or, from Python, a tensor (`termwise data` lists names).")
    return load_data(source, **arguments)


def configured_model(config: Config, data: Dataset) -> VAE:
    """A fresh model, as a configuration describes it, of examples as the data has them."""
    section = config.model
    if section.network == OWN:
        raise Refused("This run's networks were made in Python. Pass the model again: train(..., model=...).")
    return VAE.build(
        data.shape,
        section.latent,
        section.network,
        section.posterior,
        section.likelihood,
        section.options,
        section.posterior_options,
        section.prior,
        section.prior_options,
    )


def check_fit(model: VAE, data: Dataset) -> None:
    """Raise BadData where the examples are none that the model can take."""
    if data.shape != model.shape:
        raise BadData(
            f"The model takes examples of shape {model.shape}; {data.name} has examples of shape {data.shape}."
        )
    model.likelihood.check(data.value_range())
