"""The account of the ELBO's terms, of any model."""
