"""Does a flow posterior gain over a normal one on MNIST, and what does the score in its gradient cost?

    python benchmarks/flow_posterior.py FOLDER [--models normal flow flow-with-score full-normal full-normal-with-score]
                                        [--epochs 12] [--seeds 0 1]

FOLDER holds the IDX files. 10,000 training images, black and white, and 2,000 held out; a loop by hand over one hidden
layer of 256 and 20 latent dimensions, batch 128, Adam at 1e-3. `normal` has its rate in closed form; the others at one
code, with the gradient of log q(z|x) whole, or without the score, whose mean is zero (Roeder, Wu and Duvenaud, 2017).
ELBOs are of one code an image.
"""

import argparse
import time

import torch
from stepping import table
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

import termwise as tw
from termwise.models.codes import Codes, log_density_without_score
from termwise.models.networks import perceptron
from termwise.models.posteriors import posterior_family

LATENT, HIDDEN, BATCH = 20, 256, 128
PRIOR = Independent(Normal(torch.zeros(LATENT), 1.0), 1)
MODELS = {
    "normal": ("diagonal-normal", False),
    "flow": ("flow:2", False),
    "flow-with-score": ("flow:2", True),
    "full-normal": ("full-normal", False),
    "full-normal-with-score": ("full-normal", True),
}
"""The posterior of each, and whether its gradient has the score."""


class Autoencoder:
    """Bodies and a posterior family, and its two terms by example."""

    def __init__(self, name: str, pixels: int) -> None:
        posterior, self.with_score = MODELS[name]
        self.family = posterior_family(posterior, LATENT)
        self.encoder = perceptron([pixels, HIDDEN, self.family.features])
        self.decoder = perceptron([LATENT, HIDDEN, pixels])
        self.parameters = [p for part in (self.encoder, self.decoder, self.family) for p in part.parameters()]

    def terms(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Distortion and rate, shape (B,)."""
        law = self.family(self.encoder(x))
        codes = Codes.of(law)
        distortion = cross_entropy(self.decoder(codes.z), x, reduction="none").sum(1)
        if isinstance(law, Independent):
            return distortion, kl_divergence(law, PRIOR)
        whole = self.with_score or not codes.z.requires_grad
        log_q = law.log_prob(codes.z) if whole else log_density_without_score(law, codes)
        return distortion, log_q - PRIOR.log_prob(codes.z)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    given = parser.parse_args()
    images = (tw.load_data(given.folder).train.tensor(limit=given.images) > 0.5).float().flatten(1)
    held_out = given.images // 6
    train, test = images[:-held_out], images[-held_out:]
    rows = []
    for name in given.models:
        for seed in given.seeds:
            torch.manual_seed(seed)
            began, model = time.process_time(), Autoencoder(name, images.shape[1])
            optimizer = torch.optim.Adam(model.parameters, lr=1e-3)
            for _ in range(given.epochs):
                for index in torch.randperm(len(train)).split(BATCH):
                    distortion, rate = model.terms(train[index])
                    optimizer.zero_grad()
                    (distortion + rate).mean().backward()
                    optimizer.step()
            with torch.no_grad():
                distortion, rate = (torch.cat(of) for of in zip(*map(model.terms, test.split(500)), strict=True))
            elbo = -(distortion + rate)
            readings = [f"{of.mean():.2f} ± {of.std() / len(of) ** 0.5:.2f}" for of in (elbo, rate)]
            rows.append([name, str(seed), *readings, f"{time.process_time() - began:.0f}"])
            print(rows[-1], flush=True)
    print(table(["posterior", "seed", "ELBO", "rate", "CPU seconds"], rows))


if __name__ == "__main__":
    main()
