"""How fast the three players of VAE-GAN train, against a hand-written loop of the same networks.

    python benchmarks/three_players.py --data FOLDER_OF_MNIST [--channels 32 64 128]

Both take one draw for all three players: one pass through each network, with real and made examples in one batch; each
loss differentiated once, for all whom it moves; three steps of RMSProp. They take turns; a rate is the median over
rounds, the ratio the median of the rounds' own.

Ends with status 1 where termwise makes less than 0.85 of the hand-written loop's images a second.
"""

import argparse
import sys
import tempfile
from statistics import median

import torch
from stepping import Clock, Turn, in_rounds, table, trainer_on_turns
from torch import Tensor, nn
from torch.nn import functional as F

from termwise import load_data
from termwise.data import Dataset
from termwise.models import VAE
from termwise.objectives.recipes import recipe
from termwise.terms.adversarial.discriminator import convolutions

LATENT, BATCH, GAMMA = 32, 64, 1e-3
TARGET = 0.85
HAND, OURS = "hand-written loop", "termwise vae-gan"


def networks(shape: tuple[int, ...], channels: list[int]) -> tuple[VAE, nn.Sequential]:
    torch.manual_seed(0)
    options = {"channels": channels, "hidden": 4 * channels[0], "bounded": True}
    model = VAE.build(shape, LATENT, "conv-bn", likelihood="normal:optimal", options=options)
    return model, convolutions(shape, judged(channels), 2 * channels[0])


def judged(channels: list[int]) -> tuple[int, ...]:
    """The discriminator's channels, beside the encoder's."""
    return (channels[0] // 2, *channels[1:], channels[-1])


def gradients(loss: Tensor, parameters: list[nn.Parameter]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, parameters, retain_graph=True)


def hand_written(x: Tensor, channels: list[int]) -> Turn:
    """Larsen et al. (2016, algorithm 1), and nothing else."""
    model, judge = networks(tuple(x.shape[1:]), channels)
    encoder, decoder = model.encoder.train(), model.decoder.train()
    parts = (encoder, decoder, judge)
    optimizers = [torch.optim.RMSprop(part.parameters(), lr=3e-4) for part in parts]
    clock, epoch = Clock(), 0
    seen: list[Tensor] = []
    judge.get_submodule("conv4").register_forward_hook(lambda *called: seen.append(called[-1]))

    def train() -> None:
        nonlocal epoch
        while True:
            order = torch.randperm(len(x))
            for start in range(0, len(x) - BATCH + 1, BATCH):
                batch = x[order[start : start + BATCH]]
                mean, log_variance = encoder(batch).chunk(2, dim=1)
                z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
                both = decoder(torch.cat([z, torch.randn_like(z)]))
                seen.clear()
                real, fake, other = judge(torch.cat([batch, both])).chunk(3)
                layer, rebuilt, _ = seen[0].chunk(3)
                rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
                likeness = 0.5 * (layer.detach() - rebuilt).square().flatten(1).sum(1).mean()
                gan = F.softplus(-real).mean() + F.softplus(fake).mean() + F.softplus(other).mean()
                for_encoder, for_decoder, for_judge = (list(part.parameters()) for part in parts)
                costs = gradients(rate, for_encoder)
                likeness_moves = gradients(likeness, for_encoder + for_decoder)
                gan_moves = gradients(gan, for_decoder + for_judge)
                for parameter, cost, move in zip(for_encoder, costs, likeness_moves, strict=False):
                    parameter.grad = cost + move
                moves = zip(for_decoder, likeness_moves[len(for_encoder) :], gan_moves, strict=False)
                for parameter, like, unlike in moves:
                    parameter.grad = GAMMA * like - unlike
                for parameter, move in zip(for_judge, gan_moves[len(for_decoder) :], strict=True):
                    parameter.grad = move
                for optimizer in optimizers:
                    optimizer.step()
                clock.step(epoch)
            epoch += 1

    return lambda seconds: clock.turn(train, seconds)


def termwise(data: Dataset, channels: list[int], folder: str) -> Turn:
    """The trainer itself, as `termwise.train` runs it."""
    model, _ = networks(data.shape, channels)
    game = recipe("vae-gan", gamma=GAMMA, channels=judged(channels), hidden=2 * channels[0])
    many = 1_000_000  # epochs, so that the clock alone ends it, and evaluates nothing
    settings = {"batch_size": BATCH, "epochs": many, "evaluate_every": many}
    return trainer_on_turns(model, game, data, f"{folder}/vae-gan", **settings)[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with the IDX files of MNIST or Fashion-MNIST")
    parser.add_argument("--channels", type=int, nargs=3, default=[32, 64, 128], help="the encoder's")
    parser.add_argument("--seconds", type=float, default=20, help="of every turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    data = load_data(given.data)
    with tempfile.TemporaryDirectory() as folder:
        contenders = {
            HAND: hand_written(data.train.tensor(), given.channels),
            OURS: termwise(data, given.channels, folder),
        }
        taken = in_rounds(contenders, given.rounds, given.seconds)
    ratio = median(theirs / ours for ours, theirs in zip(taken[OURS], taken[HAND], strict=True))
    rows = [(name, f"{BATCH / median(times):,.0f}", f"{1e3 * median(times):.1f}") for name, times in taken.items()]
    print(f"{data.name}, batch {BATCH}, channels {given.channels}, {given.threads} threads\n")
    print(table(("contender", "images/s", "ms a step"), rows))
    print(f"\nRatio {ratio:.2f}; {TARGET} is asked: {'reached' if ratio >= TARGET else 'MISSED'}")
    return 0 if ratio >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
