"""Where a batch becomes a draw: networks, posteriors, likelihoods, priors, and anyone's model."""
