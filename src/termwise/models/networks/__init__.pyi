from .bodies import Bodies as Bodies, checked_bodies as checked_bodies
from .convolutions import (
    channels_last as channels_last,
    convolutional as convolutional,
    normalised as normalised,
    on_grid as on_grid,
)
from .fully_connected import mlp as mlp, perceptron as perceptron
from .linear_layer import LinearLayer as LinearLayer
from .padding import CropTo as CropTo, PadTo as PadTo
from .table import NETWORKS as NETWORKS, build_bodies as build_bodies, network_builder as network_builder
