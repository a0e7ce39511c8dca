"""Meters in two processes, each told a part of the data set; a module of its own, for processes import it by name."""

import torch
from torch import distributed

import termwise as tw

N = 301


def posteriors():
    mean = 2 * torch.randn(N, 2, generator=torch.Generator().manual_seed(0))
    return mean, torch.full_like(mean, -2.0)


def told(meter, index, by_index=True, law=False):
    mean, log_variance = posteriors()
    for part in torch.as_tensor(index).split(40):
        pair = mean[part], log_variance[part]
        laplace = torch.distributions.Laplace(pair[0], pair[1].exp())
        words = [f"kind {int(one) % 3}" for one in part]
        meter.update(laplace if law else pair, index=part if by_index else None, side={"kind": words})
    return meter


def process(rank, folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    padded = torch.cat([torch.arange(N), torch.zeros(1, dtype=torch.int64)])  # as by a DistributedSampler: one twice
    dealt = padded[rank::2]
    found = {
        "by index": told(tw.Meter(dataset_size=N), dealt).compute(),
        "in turn": told(tw.Meter(dataset_size=N), dealt, by_index=False).compute(),
        "laws": told(tw.Meter(dataset_size=N), dealt, law=True).compute(),
        "one alone": told(tw.Meter(dataset_size=N), torch.arange(N if rank else 0)).compute(),
        "apart": told(tw.Meter(dataset_size=N, sync=False), dealt).compute(),
    }
    torch.save({name: (one.to_json(), one.diagnosis) for name, one in found.items()}, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()
