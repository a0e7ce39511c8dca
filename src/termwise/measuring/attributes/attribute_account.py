"""Edits and their judge -> an account: how often attributes are there when asked, and what else changes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from termwise.account.reading import Account, Reading, reading_of
from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused
from termwise.measuring.attributes.edits import Edited, Judge, Judged, edit_and_judge
from termwise.measuring.attributes.shares import share_readings
from termwise.measuring.attributes.vectors import AttributeVectors, check_strengths
from termwise.models.draw import Drawable
from termwise.models.passes import Progress, apart

ENDINGS = {"mean-difference": "", "regression": "_by_regression"}
"""What the names of readings end in, by method: the mean difference is the standard one."""

LOST = 0.75
"""Where the reconstructions are judged right in less than this share, the code is said not to hold an attribute."""

_JUDGED = "as the classifier judges, its own errors included; images are the decoder's means"


def attribute_account(
    model: Drawable,
    data: Dataset,
    vectors: Mapping[str, AttributeVectors],
    judge: Judge,
    *,
    strength: float = 1.0,
    seed: int = 0,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """The success of edits and of generation, judged by a classifier that saw real images only.

    Args:
        model: A VAE, or what `adapt` made.
        data: Examples that neither the vectors nor the judge learned from, two or more, with attributes of 0 and 1,
            each with both values.
        vectors: By method, as `vectors_of` gives them.
        judge: Such as `train_classifier` makes.
        strength: In units of the vectors.
        seed: Of what is generated, and of pairs of examples.
        batch_size: Examples at a time.
        device: Where model and judge are.
        progress: Told how far it is.

    Returns:
        For every share below, also by attribute, with Wilson's intervals:
        attribute_success, edits judged as asked, both ways alike, beside attribute_success_before, how many are judged
        so without an edit, which is what the code forgets; attribute_added and attribute_removed, those of
        examples without and with the attribute; attribute_others_kept, other attributes judged as before;
        attribute_generated, codes of the prior plus the vector judged to have it, beside attribute_generated_before,
        those without it; attribute_reconstructed_lacking and attribute_reconstructed_having, reconstructions judged as
        their examples; identity_distance, how far edits move the classifier's features, and identity_scale, how far
        apart reconstructions of different examples are; attribute_cosine and attribute_squared_error (Larsen et al.,
        2016, table 2) of_data, of_reconstructions and of_generated; classifier_accuracy and classifier_majority. Those
        that depend on the method of the vectors end in _by_regression where it is that.
    """
    if len(data) < 2:
        raise BadData(f"A standard error needs two examples or more; got {len(data)}.")
    check_strengths(strength)
    where: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "device": device}
    before, after = edit_and_judge(model, data, vectors, judge, strength=strength, progress=progress, **where)
    held = _Readings(", ".join(data.attribute_names))
    held.unedited(before, seed)
    for method, edited in after.items():
        how = f"{vectors[method].method} of {vectors[method].n} codes, strength {strength:g}"
        held.edited(before, edited, ENDINGS.get(method, f"_by_{method}"), how)
    columns = [judge.names.index(name) for name in data.attribute_names]
    for name, reading in (("classifier_accuracy", judge.accuracy), ("classifier_majority", judge.majority)):
        held.readings[f"{name}_by_attribute"] = _columns(reading, f"{name}_by_attribute", columns, held.order)
    about = {
        "name": data.name,
        "n": len(data),
        "fingerprint": data.fingerprint(),
        "attributes": list(data.attribute_names),
        "methods": list(vectors),
        "strength": strength,
    }
    return Account(held.readings, tuple(_said(held.readings, data.attribute_names)), held.values, about)


class _Readings:
    """The readings so far, and their values by example."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.readings: dict[str, Reading] = {}
        self.values: dict[str, Tensor] = {}

    def unedited(self, seen: Judged, seed: int) -> None:
        """What needs no vectors."""
        right = (seen.reconstructed > 0) == seen.has
        how = "reconstructions judged as their examples are"
        self.share("attribute_reconstructed_lacking", right, (~seen.has,), how)
        self.share("attribute_reconstructed_having", right, (seen.has,), how)
        how = "reconstructions that no edit has touched, judged as one should be, both ways alike"
        self.share("attribute_success_before", ~right, (~seen.has, seen.has), how)
        everywhere = torch.ones_like(seen.has)
        how = "decoded codes of the prior judged to have the attribute"
        self.share("attribute_generated_before", seen.generated > 0, (everywhere,), how)
        self.similarity("of_data", seen.data, seen.has, "real examples")
        self.similarity("of_reconstructions", seen.reconstructed, seen.has, "reconstructions")
        order = torch.randperm(len(seen.has), generator=torch.Generator().manual_seed(apart(seed, "pairs")))
        first, second = order[: 2 * (len(order) // 2)].view(2, -1)
        apart_by = (seen.features[first] - seen.features[second]).norm(dim=1)
        how = "distance in classifier features between reconstructions of different examples, in disjoint pairs"
        self.mean("identity_scale", apart_by, how, "unbiased")

    def edited(self, before: Judged, after: Edited, ending: str, how: str) -> None:
        """What the vectors of one method do."""
        has, everywhere = before.has, torch.ones_like(before.has)
        told = f"reconstructions edited by {how}, judged as asked"
        self.share(f"attribute_success{ending}", after.right, (~has, has), f"{told}, both ways alike")
        self.share(f"attribute_added{ending}", after.right, (~has,), f"{told}, of examples without the attribute")
        self.share(f"attribute_removed{ending}", after.right, (has,), f"{told}, of examples with the attribute")
        told = f"codes of the prior plus the vector ({how}), judged to have the attribute"
        self.share(f"attribute_generated{ending}", after.generated, (everywhere,), told)
        if has.shape[1] > 1:
            told = f"other attributes judged as before an edit by {how}"
            self.mean(f"attribute_others_kept{ending}", after.kept.mean(1), told, _JUDGED)
        told = f"distance in classifier features between a reconstruction and its edits by {how}"
        bias = "the features also hold the attribute, which was to change: never 0 where the edit succeeds"
        self.mean(f"identity_distance{ending}", after.moved.mean(1), told, bias)
        self.similarity(f"of_generated{ending}", after.from_attributes, has, f"images made from attributes ({how})")

    def share(self, name: str, right: Tensor, cells: tuple[Tensor, ...], estimator: str) -> None:
        """A share of images, and the same by attribute."""
        bias = f"{_JUDGED}; the error is of the examples, for these vectors and this classifier"
        found, values = share_readings(name, right, cells, estimator=estimator, bias=bias, order=self.order)
        self.readings |= found
        self.values[name] = values

    def similarity(self, ending: str, logits: Tensor, has: Tensor, what: str) -> None:
        """How like the attributes asked for are those predicted: probabilities p, and a, as 2p - 1 and 2a - 1."""
        predicted, asked = 2 * logits.double().sigmoid() - 1, 2 * has.double() - 1
        cosine = torch.cosine_similarity(predicted, asked, dim=1)
        told = f"attributes predicted for {what} and those asked for, as -1 and 1"
        self.mean(f"attribute_cosine_{ending}", cosine, f"cosine of {told}", _JUDGED)
        error = (predicted - asked).square().mean(1)
        self.mean(f"attribute_squared_error_{ending}", error, f"mean squared error of {told}", _JUDGED)

    def mean(self, name: str, values: Tensor, estimator: str, bias: str) -> None:
        """A mean over examples."""
        self.readings[name] = reading_of(values, name, estimator=estimator, bias=bias)
        self.values[name] = values.double()


def _columns(reading: Reading, name: str, columns: list[int], order: str) -> Reading:
    """A reading by attribute, of some attributes."""
    if not isinstance(reading.value, list) or not isinstance(reading.stderr, list):
        raise Refused("The classifier must judge each attribute by itself, and read its accuracy by attribute.")
    return replace(
        reading,
        name=name,
        value=[reading.value[k] for k in columns],
        stderr=[reading.stderr[k] for k in columns],
        estimator=f"{reading.estimator}; in the order {order}",
    )


def _said(readings: Mapping[str, Reading], names: tuple[str, ...]) -> list[str]:
    """What to mind when reading the shares."""
    value = {name: torch.as_tensor(reading.value) for name, reading in readings.items()}
    accuracy, majority = value["classifier_accuracy_by_attribute"], value["classifier_majority_by_attribute"]
    sides = [value[f"attribute_reconstructed_{side}_by_attribute"] for side in ("lacking", "having")]
    poor = accuracy <= majority
    lost = ~poor & (torch.stack(sides).mean(0) < LOST)
    said = []
    if bool(poor.any()):
        said.append(
            f"The classifier knows no more than which answer is usual of {_listed(names, poor)}: what it says of these "
            "in images means nothing."
        )
    if bool(lost.any()):
        said.append(
            f"Reconstructions do not keep {_listed(names, lost)}: where the code loses an attribute, no edit brings "
            "it back."
        )
    return said


def _listed(names: tuple[str, ...], chosen: Tensor) -> str:
    return ", ".join(name for name, yes in zip(names, chosen.tolist(), strict=True) if yes)
