"""An account from inside anyone's loop: what `measure` reads of a model, of the posteriors that a loop has anyway."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from termwise.account.account import Account
from termwise.data.side import Side
from termwise.errors import BadData, NoDensity, Refused
from termwise.functional.given_draw import SUM, Posterior, law_of, pair_of, prior_over, seen, standard_normal
from termwise.measuring.elbo.account_of_terms import account_of, terms_of
from termwise.measuring.elbo.faults import find_faults
from termwise.measuring.elbo.remedies import Remedies
from termwise.meter.given_pass import GivenPass
from termwise.meter.history import History, Moment, whole_step
from termwise.meter.kept_rows import KeptRows, NewestRows
from termwise.meter.ranks import RankShare, gathered, on, packed, unpacked
from termwise.meter.side_columns import SideColumns
from termwise.models.check_model import check_model
from termwise.models.data_parallel import rank_and_ranks
from termwise.models.distributions import innermost
from termwise.models.law_tensors import law_tensors, with_law_tensors
from termwise.models.posteriors.implicit import ImplicitPosterior
from termwise.models.randomness import own_randomness
from termwise.terms.groups import Grouping, groups_of_code
from termwise.values import Count, Seed, checked

SIZE = 10_000
"""How many posteriors are held where it is not said: of so many an account takes seconds."""

PAIR = "(mean, log variance)"
"""What posteriors are called that are no law."""


class Meter:
    """The account of the posteriors that a training or evaluation loop computes anyway, batch by batch.

    `update` copies a batch's posteriors, codes and log likelihoods into memory of a fixed size, without gradients, and
    computes nothing. `compute` measures what is there, by the code of `termwise.measure`: the same estimators, biases,
    errors and diagnosis.

    Where a batch says which examples it has (`index`), an example that comes again replaces its old posterior. Where it
    does not, examples are taken to come in rounds of `dataset_size`, and the newest round is held.

    Args:
        dataset_size: N, how many examples there are.
        prior: p(z), a Distribution, or a function without arguments that gives it as it is now; N(0, I) where left out.
        size: How many posteriors are held at the most. Of a larger data set so many of its examples are chosen
            beforehand, at random, and no others are held: an account is then of a random sample, and its population
            readings say what that stands for. Memory is that of so many posteriors and codes, taken at the first
            update, where the first posteriors are; `to` moves it.
        groups: Groups of dimensions whose links are read, too, as of `measure`.
        seed: Of what is drawn: codes, where `update` is given none, and which examples are held.
        sync: Whether, in a training of several processes (torch.distributed), `compute` puts together what all have
            seen, each example once: all must then call it. Without `index`, examples are taken to be dealt to the
            processes in turn, as a DistributedSampler deals them.

    Example:
        >>> meter = Meter(dataset_size=500)
        >>> for index in torch.randperm(500).split(128):
        ...     mean = torch.linspace(-3, 3, 500)[index].unsqueeze(1)
        ...     meter.update((mean, torch.full_like(mean, -2.0)), index=index)
        >>> account = meter.compute()
        >>> account.data["n"], bool(abs(account["rate"].value - account["index_code_mi"].value) < 1)
        (500, True)
    """

    @checked
    def __init__(
        self,
        dataset_size: Count,
        prior: Distribution | Callable[[], Distribution] | None = None,
        *,
        size: Count = SIZE,
        groups: Grouping | None = None,
        seed: Seed = 0,
        sync: bool = True,
    ) -> None:
        if dataset_size < 2 or size < 2:
            raise Refused(f"An account is of two examples or more; got dataset_size={dataset_size}, size={size}.")
        self.dataset_size, self.prior, self.groups, self.seed, self.sync = dataset_size, prior, groups, seed, sync
        self.updates = 0
        self._kept = KeptRows(dataset_size, size, seed)
        self._moved = False
        self._law: Distribution | None = None
        self._sides = SideColumns()
        self._has: tuple[Any, ...] | None = None
        self._history = History()

    def __len__(self) -> int:
        """How many posteriors are held by this process."""
        return len(self._kept.rows().example)

    def update(
        self,
        posterior: Posterior,
        z: Tensor | None = None,
        log_likelihood: Tensor | None = None,
        index: Tensor | None = None,
        side: Mapping[str, Any] | None = None,
    ) -> None:
        """Take in a batch, of any size; in training or evaluation, under any mode of gradients.

        Args:
            posterior: q(z|x) of the batch: a Distribution of batch shape (B,), or (B, D) of independent dimensions; or
                (mean, log variance), shape (B, D) each.
            z: The codes that the loop drew, shape (B, D); where left out, `compute` draws some.
            log_likelihood: log p(x|z) at codes of these posteriors, shape (B,), nats: without it no distortion and no
                ELBO is read.
            index: Which examples of the data set they are, shape (B,), counted from 0.
            side: What stands beside x, by name, B values each: how much the code knows of it is read.

        Raises:
            Refused: Shapes do not fit, or something is given in some updates alone.
        """
        if isinstance(posterior, Distribution) and posterior.batch_shape[:1] == (0,):
            return
        tensors, law = _tensors(posterior)
        count, what = len(tensors[0]), {f"law {place}": of for place, of in enumerate(tensors)}
        if z is not None:
            what["z"] = _codes(z, count, None if law is None else law.event_shape.numel(), tensors[0])
        if log_likelihood is not None:
            what["log_likelihood"] = _one_each("log_likelihood", log_likelihood, count)
        if side is not None:
            what |= self._sides.columns(side, count)
        if index is not None:
            index = _one_each("index", index, count)
            if index.is_floating_point() or index.dtype == torch.bool:
                raise Refused(f"Expected index as whole numbers, the places of examples; got {index.dtype}.")
        self._check(what, law, index)
        if not count:
            return
        if index is None and count > self.dataset_size:
            raise Refused(
                f"A batch of {count:,} is larger than dataset_size={self.dataset_size:,}: dataset_size is the number "
                "of examples, not of batches (did you pass len(loader)?). Give len(loader.dataset)."
            )
        if not self._kept.tensors and not self._moved:
            self._kept.to(tensors[0].device)
        self.updates += 1
        if law is not None and not (self._law and isinstance(innermost(law), Normal)):
            self._law = with_law_tensors(law, [of[:0] for of in tensors])  # what is one for all is the newest's
        rank, ranks = rank_and_ranks() if self.sync else (0, 1)
        self._kept.write(what, index, self.updates, rank, ranks)

    def compute(self, step: int | None = None) -> Account:
        """The account of the posteriors that are held; of several, its diagnosis says since when a fault stands.

        Args:
            step: What the diagnosis calls this moment, a whole number that rises, as over all epochs; the count of
                updates where left out. An account of a step that is not after the last one's is not remembered.

        Returns:
            What `measure` gives, but for what asks a decoder anew (code_use) or x itself. `data` says of how many
            examples it is, and of which updates: in training the older ones are posteriors of weights that have moved.

        Raises:
            BadData: Fewer than two examples have come.
            Refused: The step is no whole number.
            NotFinite: Some posterior, code or log likelihood is not finite.
        """
        number = None if step is None else whole_step(step)
        with torch.inference_mode(False), torch.no_grad(), own_randomness(self.seed):
            rows = self._rows_of_all() if self.sync and rank_and_ranks()[1] > 1 else self._kept.rows()
            account, faults = self._measured(rows)
        if number is not None:
            self._history.warn_of(number)
        said = self._history.add(self.updates if number is None else number, account, faults)
        return replace(account, diagnosis=said)

    @property
    def history(self) -> tuple[Moment, ...]:
        """What the newest accounts read, step by step: the chief readings, with their standard errors."""
        return tuple(self._history.moments)

    def reset(self) -> None:
        """Forget the posteriors; the count of updates and the history of accounts go on."""
        self._kept.clear()

    def empty(self) -> "Meter":
        """Another meter that has the same options, of this process alone, and was told of nothing."""
        return Meter(
            self.dataset_size, self.prior, size=self._kept.size, groups=self.groups, seed=self.seed, sync=False
        )

    def to(self, device: torch.device | str) -> "Meter":
        """Hold the posteriors there from now on, whatever device they come from."""
        self._kept.to(device)
        self._moved = True
        return self

    def as_metric(self) -> Any:
        """This meter as a torchmetrics.Metric, for a MetricCollection or Lightning's log_dict.

        Its `compute` gives the readings of one number by name, as tensors; its attribute `account` then has the rest.

        Raises:
            Refused: torchmetrics is not installed.
        """
        from termwise.meter.torchmetric import as_metric

        return as_metric(self)

    def state_dict(self) -> dict[str, Any]:
        """All that is held and remembered, which `load_state_dict` restores.

        Of normals, as laws or as (mean, log variance), it is tensors and plain numbers; of others it has the law's kind
        too, so that `torch.load` asks for weights_only=False.
        """
        rows = self._kept.rows()
        return {
            "dataset_size": self.dataset_size,
            "size": self._kept.size,
            "example": rows.example,
            "stamp": rows.stamp,
            "tensors": dict(rows.tensors),
            "arrived": self._kept.arrived,
            "updates": self.updates,
            "law": packed(self._law),
            "kind": self._has,
            "words": {name: dict(places) for name, places in self._sides.words.items()},
            "history": self._history.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what the meter was when its `state_dict` was taken.

        Raises:
            Refused: It is no meter's, was of another data set, or held another number of posteriors.
        """
        if not isinstance(state, Mapping):
            raise Refused(f"Expected what a meter's state_dict() gave; got {seen(state)}.")
        if missing := [name for name in self.empty().state_dict() if name not in state]:
            raise Refused(f"Expected what a meter's state_dict() gave; got a mapping without {', '.join(missing)}.")
        for name, own in (("dataset_size", self.dataset_size), ("size", self._kept.size)):
            if state[name] != own:
                raise Refused(
                    f"The saved meter has {name}={state[name]:,}, this one {own:,}. Make it as that was: "
                    f"Meter(dataset_size={state['dataset_size']}, size={state['size']})."
                )
        self._kept.load(NewestRows(state["example"], state["stamp"], state["tensors"]), state["arrived"])
        self.updates, self._has = state["updates"], state["kind"]
        self._law = unpacked(state["law"], state["tensors"])
        self._sides.words = {name: dict(places) for name, places in state["words"].items()}
        self._history = History.from_state(state["history"])

    def _rows_of_all(self) -> NewestRows:
        """The rows of all processes, each example's newest."""
        own = self._kept.rows()
        shares = gathered(RankShare(on(own, "cpu"), packed(self._law), self._sides.words, self.updates))
        self.updates = max(share.updates for share in shares)
        told = [share for share in shares if share.rows.tensors]
        if not told:
            return own
        if self._law is None:
            self._law = unpacked(next((one.law for one in told if one.law is not None), None), told[0].rows.tensors)
        renumbered = [replace(one.rows, tensors=self._sides.renumbered(one.rows.tensors, one.words)) for one in told]
        return on(NewestRows.newest(renumbered), self._kept.device)

    def _measured(self, rows: NewestRows) -> tuple[Account, dict[str, str]]:
        if len(rows.example) < 2:
            few = f"An account needs two examples or more; got {len(rows.example)}."
            came, size = self._kept.arrived, self._kept.size
            if came > len(rows.example) and size < self.dataset_size:
                raise BadData(
                    f"{few} {came:,} came, but of dataset_size={self.dataset_size:,} examples {size:,} are held, "
                    "chosen beforehand. Call update with every batch, or give the dataset_size of what comes."
                )
            raise BadData(f"{few} Call update(posterior, z, ...) with every batch first.")
        if self._law is None and self._has is not None and self._has[0] != PAIR:
            raise Refused(
                f"The posteriors that were loaded are of a kind that no file holds ({self._has[0]}): call update with "
                "a batch of them first."
            )
        tensors = [of for name, of in rows.tensors.items() if name.startswith("law ")]
        law = law_of((tensors[0], tensors[1]) if self._law is None else with_law_tensors(self._law, tensors))
        batches = GivenPass(law, self._prior_over(law), rows.tensors.get("z"), rows.tensors.get("log_likelihood"))
        check_model(batches)
        first = next(iter(batches()))
        named = None if self.groups is None else groups_of_code(self.groups, first.posterior)
        side = self._sides.side(rows.tensors)
        terms = terms_of(batches, first, groups=named, side=side)
        remedies = Remedies(batches)
        account = account_of(terms, first.posterior, self._about(rows, named, side), remedies)
        return account, find_faults(account, remedies).faults

    def _prior_over(self, law: Distribution) -> Distribution:
        prior, size = self.prior() if callable(self.prior) else self.prior, law.event_shape.numel()
        if prior is None:
            return standard_normal(size, law_tensors(law)[0])
        found = prior_over(prior, law.batch_shape[0], size)
        if found.event_shape != (size,) or found.batch_shape:
            raise Refused(
                f"Expected a prior over codes of {size} dimensions, one for all examples; got batch shape "
                f"{tuple(prior.batch_shape)} and event shape {tuple(prior.event_shape)}."
            )
        return found

    def _about(self, rows: NewestRows, groups: list[list[int]] | None, side: Side | None) -> dict[str, Any]:
        oldest, newest = rows.steps
        return {
            "name": "a meter",
            "n": len(rows.example),
            "of": self.dataset_size,
            "updates": [oldest, newest],
            **({"groups": groups} if groups is not None else {}),
            **({"side": list((side.wholly_known() or side).names)} if side is not None else {}),
        }

    def _check(self, what: Mapping[str, Tensor], law: Distribution | None, index: Tensor | None) -> None:
        """Raise Refused where a batch is of another kind than those before."""
        shapes = ((name, of.shape[1:]) for name, of in what.items())
        kind = (PAIR if law is None else type(law).__name__, index is not None, *shapes)
        if self._has is None:
            self._has = kind
        elif self._has != kind:
            raise Refused(
                f"Every update must be of one kind. The first had {_in_words(self._has)}; this one has "
                f"{_in_words(kind)}."
            )


def _tensors(posterior: Posterior) -> tuple[list[Tensor], Distribution | None]:
    """What a batch's posteriors hold, shape (B, ...) each, detached; and their law, where it is no pair."""
    if not isinstance(posterior, Distribution):
        mean, log_variance = (one.detach() for one in pair_of(posterior))
        if mean.dim() < 2:
            raise Refused(f"Expected a mean and a log variance of shape (B, D); got {tuple(mean.shape)}.")
        return [mean.flatten(1), log_variance.flatten(1)], None
    if isinstance(posterior, ImplicitPosterior):
        raise NoDensity(
            "These posteriors have no density, and bounds of one ask the model for more codes: measure the model, "
            "tw.measure(model, data)."
        )
    law = law_of(posterior)
    return law_tensors(law), law


def _codes(z: Tensor, count: int, size: int | None, like: Tensor) -> Tensor:
    """Codes of a batch, shape (B, D), detached."""
    size = like.shape[1] if size is None else size
    z = _tensor("z", z)
    if z.shape[:1] != (count,) or z.numel() != count * size:
        raise Refused(
            f"Expected z, codes of {count} posteriors of {size} dimensions; got shape {tuple(z.shape)}. One code an "
            "example is held."
        )
    return z.detach().reshape(count, size)


def _one_each(name: str, values: Tensor, count: int) -> Tensor:
    """One value an example, shape (B,), detached."""
    values = _tensor(name, values)
    if values.shape != (count,):
        more = f" {SUM}" if name == "log_likelihood" else ""
        raise Refused(f"Expected {name} of shape ({count},), one an example; got {tuple(values.shape)}.{more}")
    return values.detach()


def _in_words(kind: tuple[Any, ...]) -> str:
    """What a batch has, of which kinds and shapes, in words."""
    law, has_index, *tensors = kind
    shapes = [f"{name} {tuple(shape)}" for name, shape in tensors if not name.startswith("law ")]
    of = [tuple(shape) for name, shape in tensors if name.startswith("law ")]
    return f"{law} of shapes {of} an example, {', '.join([*shapes, 'index' if has_index else 'no index'])}"


def _tensor(name: str, values: Any) -> Tensor:
    """What was given, where it is a tensor, or an array or list of numbers."""
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise Refused(f"Expected {name} as a tensor; got a {type(values).__name__}.") from None
