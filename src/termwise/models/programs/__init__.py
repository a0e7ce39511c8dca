"""Probabilistic programs, a guide and its model, of Pyro or NumPyro; and functions of JAX, by way of DLPack."""
