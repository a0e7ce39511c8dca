"""Every term of a model's ELBO, of anything that can be measured: a model, a run, a function of the user's."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from termwise import measuring
from termwise.account import Account
from termwise.api.model_and_data import Data, Measurable, beside, model_and_data
from termwise.api.on_device import on_device
from termwise.data.side import SideLike
from termwise.errors import NoDensity, Refused
from termwise.measuring.critic_bounds.critic_bounds import critic_readings
from termwise.models import VAE
from termwise.models.data_parallel import SharedRows, rank_and_ranks
from termwise.models.data_pass import Progress
from termwise.models.user_function import Trust
from termwise.terms.groups import Grouping
from termwise.training.processes import device_of_this_process, in_processes
from termwise.values import Count, Samples, Seed, checked


@checked
def measure(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str | None = None,
    samples: Samples = 1,
    noises: Samples = 256,
    groups: Grouping | None = None,
    side: SideLike | None = None,
    critic: bool | str | Sequence[str] = False,
    critic_steps: Count = 3000,
    limit: Count | None = 50_000,
    seed: Seed = 0,
    batch_size: Count = 512,
    device: torch.device | str = "cpu",
    devices: Count = 1,
    trust: Trust = (),
    progress: Progress | None = None,
) -> Account:
    """Every term of a model's ELBO, with its error: an Account.

    Args:
        model: A VAE, what `adapt` made, a Run, the path of a run folder, or "module:function", a function of yours
            that returns a model or what `adapt` takes. Its networks are left on the device that they were on.
        data: A Dataset, also torch's, a tensor or an array, or a source's name or path; a run's own where left out.
        split: "train", "validation" or "test"; where left out, the test part, or all of what has no parts of its own.
            `Account.data` says which part was measured, and of how many examples.
        samples: Codes for every example; more make the errors smaller.
        noises: Where the posterior has no density: more bring the bounds that take its place together.
        groups: Groups of dimensions, such as [[0, 1], [2, 3]], or how many stand in one, in order; of blocks by name,
            such as [["digit"], ["style"]], or "blocks": how much they depend on each other is read, too, and how much
            their dimensions do within.
        side: What stands beside x, and how much the code knows of it: a name or names of what is known of the data,
            such as "labels", or columns of one value an example, by name; of the examples measured, where these are a
            part. What the data have beside them already, where left out. A model that takes other variables still
            finds them, and those are not read.
        critic: Whether to read the rate with a critic trained anew, too, for a bound over the ELBO that asks for
            samples alone; or the names of links to read so: "rate", "index_code_mi", "marginal_kl",
            "total_correlation"; "side_information", of numbers as they are, not in bins. The critic learns on the
            data's training part where another is measured, and else on either half for the other.
        critic_steps: How many moves a critic makes; more may bring its bounds nearer to the truth.
        limit: At most so many examples are measured, drawn at random; None for all. Where there are more, the account's
            `data["drawn_from"]` says how many.
        seed: Of the codes, and of the examples that are drawn.
        batch_size: Examples at a time.
        device: Where to measure.
        devices: How many processes of this machine measure together, each its share of the examples' codes; numbers
            are those of one, within rounding. `progress` is then not called. As of `train`, a script that asks for
            several begins under `if __name__ == "__main__":`.
        trust: Of a run folder: modules whose code may be run, by name, where its network is a function of yours; all
            where True. A run of a model of your own is measured as `load_run(folder, model=...)`.
        progress: Called with the name of what is being done, and how much of it is done, 0 to 1.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2, mutual_information=1.0)
        >>> account = measure(world, world.data(500, seed=0))
        >>> left, right = account["distortion"].value + account["rate"].value, account["elbo"].value
        >>> abs(left + right) < 1e-3
        True
    """
    arguments = dict(locals())
    if rank_and_ranks()[1] == 1 < devices:
        return _in_processes(**arguments | {"progress": None})
    measured = model_and_data(model, data, split, seed, trust, side)
    vae, dataset, train = measured.model, measured.data, measured.train
    if limit is not None and limit < 2:
        raise Refused(f"A standard error needs two examples or more; got limit={limit}.")
    dataset, read = beside(dataset, side)
    whole, dataset = len(dataset), dataset.random_subset(limit, seed)
    device = device_of_this_process(device) if devices > 1 else device
    where: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "device": device, "progress": progress}
    with on_device(vae, device), _shared(vae, devices):
        if critic:
            links = ("rate",) if critic is True else (critic,) if isinstance(critic, str) else critic
            bounds = critic_readings(vae, dataset, train, links=links, steps=critic_steps, **where)
        try:
            account = measuring.measure(vae, dataset, samples=samples, noises=noises, groups=groups, side=read, **where)
            account = account.and_also(bounds) if critic else account
        except NoDensity as refusal:
            if not critic:
                raise
            account = replace(bounds, diagnosis=(*bounds.diagnosis, str(refusal)))
    account = measured.noted(account)
    return account if len(dataset) == whole else replace(account, data={**account.data, "drawn_from": whole})


def _in_processes(devices: int, **given: Any) -> Account:
    """The account by several processes, which the first of them saves."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "account.json", Path(folder) / "account.npz"
        in_processes(_measure_and_save, devices, files=files, devices=devices, **given)
        return Account.load(*files)


def _measure_and_save(files: tuple[Path, Path], **given: Any) -> None:
    account = measure(**given)
    if rank_and_ranks()[0] == 0:
        account.save(*files)


def _shared(model: object, devices: int) -> SharedRows:
    """What has networks take their process's rows alone, where several measure together."""
    bodies = [model.encoder, model.decoder] if isinstance(model, VAE) else []
    return SharedRows(bodies, rank_and_ranks()[1] if devices > 1 else 1)
