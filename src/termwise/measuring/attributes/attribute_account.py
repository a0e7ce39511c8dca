"""Edits and their judge -> an account: how often attributes are there when asked, and what else changes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from termwise.account.account import Account
from termwise.account.reading import AnyReading, ReadingByDimension, reading_of
from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused
from termwise.measuring.attributes.diagnosis import diagnose
from termwise.measuring.attributes.edits import BaselineJudgements, EditJudgements, Edits, Judge, edit_and_judge
from termwise.measuring.attributes.shares import share_readings
from termwise.measuring.attributes.vectors import reading_ending
from termwise.models.check_model import check_model
from termwise.models.data_pass import DataPass, Progress
from termwise.models.drawable import Drawable
from termwise.models.randomness import seed_for
from termwise.models.target import check_makes_examples
from termwise.values import Count, Finite, Seed, checked

_JUDGED = "as the classifier judges, its own errors included; images are the decoder's means"


@checked
def attribute_account(
    model: Drawable,
    data: Dataset,
    vectors: Mapping[str, Edits],
    judge: Judge,
    *,
    strength: Finite = 1.0,
    seed: Seed = 0,
    batch_size: Count = 256,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """The success of edits and of generation, judged by a classifier that saw real images only.

    Args:
        model: A VAE, or what `adapt` made.
        data: Examples that neither the vectors nor the judge learned from, two or more, with attributes of 0 and 1,
            each with both values.
        vectors: By method, as `vectors_of` gives them, or as `attributes_beside` does.
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
        that depend on the method of the vectors end in _by_regression where it is that, and in _by_side where edits are
        of values beside x.

    Example:
        >>> import termwise as tw
        >>> from termwise.measuring.attributes import joined, vectors_of, with_attributes
        >>> from termwise.measuring.classifier.classifier import train_classifier
        >>> digits = tw.load_data("digits", test=0.02)
        >>> train, held_out, _ = with_attributes(digits.train, digits.test, names=["0", "7"])
        >>> model, judge = tw.VAE.build(train.shape, 2), train_classifier(joined(train, held_out), steps=2)
        >>> account = attribute_account(model, held_out, vectors_of(model, train, ["mean-difference"]), judge)
        >>> len(account["attribute_success_by_attribute"].value)
        2
    """
    if len(data) < 2:
        raise BadData(f"A standard error needs two examples or more; got {len(data)}.")
    check_makes_examples(model)
    check_model(DataPass(model, data, batch_size, device), rate=False)
    where: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "device": device}
    before, after = edit_and_judge(model, data, vectors, judge, strength=strength, progress=progress, **where)
    collected = _Collected(", ".join(data.attribute_names))
    collected.add_baseline(before, seed)
    for method, judgements in after.items():
        collected.add_edits(before, judgements, reading_ending(method), vectors[method].how(strength))
    columns = [judge.names.index(name) for name in data.attribute_names]
    for name, reading in (("classifier_accuracy", judge.accuracy), ("classifier_majority", judge.majority)):
        by_attribute = _columns(reading, f"{name}_by_attribute", columns, collected.order)
        collected.readings[by_attribute.name] = by_attribute
    about = {
        "name": data.name,
        "n": len(data),
        "fingerprint": data.fingerprint(),
        "attributes": list(data.attribute_names),
        "methods": list(vectors),
        "strength": strength,
    }
    account = Account(collected.readings, (), collected.values, about)
    return replace(account, diagnosis=tuple(diagnose(account, data.attribute_names)))


class _Collected:
    """The readings of an account as they are added one by one, and their values by example."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.readings: dict[str, AnyReading] = {}
        self.values: dict[str, Tensor] = {}

    def add_baseline(self, before: BaselineJudgements, seed: Seed) -> None:
        """The readings that need no vectors."""
        right = (before.reconstructed > 0) == before.has
        how = "reconstructions judged as their examples are"
        self.add_share("attribute_reconstructed_lacking", right, (~before.has,), how)
        self.add_share("attribute_reconstructed_having", right, (before.has,), how)
        how = "reconstructions that no edit has touched, judged as one should be, both ways alike"
        self.add_share("attribute_success_before", ~right, (~before.has, before.has), how)
        everywhere = torch.ones_like(before.has)
        how = "decoded codes of the prior judged to have the attribute"
        self.add_share("attribute_generated_before", before.generated > 0, (everywhere,), how)
        self.add_similarity("of_data", before.data, before.has, "real examples")
        self.add_similarity("of_reconstructions", before.reconstructed, before.has, "reconstructions")
        order = torch.randperm(len(before.has), generator=torch.Generator().manual_seed(seed_for(seed, "pairs")))
        first, second = order[: 2 * (len(order) // 2)].view(2, -1)
        apart_by = (before.features[first] - before.features[second]).norm(dim=1)
        how = "distance in classifier features between reconstructions of different examples, in disjoint pairs"
        self.add_mean("identity_scale", apart_by, how, "unbiased")

    def add_edits(self, before: BaselineJudgements, after: EditJudgements, ending: str, how: str) -> None:
        """The readings of what the vectors of one method do."""
        has, everywhere = before.has, torch.ones_like(before.has)
        what = f"reconstructions edited by {how}, judged as asked"
        self.add_share(f"attribute_success{ending}", after.right, (~has, has), f"{what}, both ways alike")
        self.add_share(f"attribute_added{ending}", after.right, (~has,), f"{what}, of examples without the attribute")
        self.add_share(f"attribute_removed{ending}", after.right, (has,), f"{what}, of examples with the attribute")
        what = f"codes of the prior with the attribute added by {how}, judged to have the attribute"
        self.add_share(f"attribute_generated{ending}", after.generated, (everywhere,), what)
        if has.shape[1] > 1:
            what = f"other attributes judged as before an edit by {how}"
            self.add_mean(f"attribute_others_kept{ending}", after.kept.mean(1), what, _JUDGED)
        what = f"distance in classifier features between a reconstruction and its edits by {how}"
        bias = "the features also hold the attribute, which was to change: never 0 where the edit succeeds"
        self.add_mean(f"identity_distance{ending}", after.moved.mean(1), what, bias)
        self.add_similarity(f"of_generated{ending}", after.from_attributes, has, f"images made from attributes ({how})")

    def add_share(self, name: str, right: Tensor, cells: tuple[Tensor, ...], estimator: str) -> None:
        """Add a share of images, and the same by attribute."""
        bias = f"{_JUDGED}; the error is of the examples, for these vectors and this classifier"
        readings, values = share_readings(name, right, cells, estimator=estimator, bias=bias, order=self.order)
        self.readings |= readings
        self.values[name] = values

    def add_similarity(self, ending: str, logits: Tensor, has: Tensor, source: str) -> None:
        """Add how like the attributes asked for are those predicted: probabilities p, and a, as 2p - 1 and 2a - 1."""
        predicted, asked = 2 * logits.double().sigmoid() - 1, 2 * has.double() - 1
        cosine = torch.cosine_similarity(predicted, asked, dim=1)
        what = f"attributes predicted for {source} and those asked for, as -1 and 1"
        self.add_mean(f"attribute_cosine_{ending}", cosine, f"cosine of {what}", _JUDGED)
        error = (predicted - asked).square().mean(1)
        self.add_mean(f"attribute_squared_error_{ending}", error, f"mean squared error of {what}", _JUDGED)

    def add_mean(self, name: str, values: Tensor, estimator: str, bias: str) -> None:
        """Add a mean over examples."""
        self.readings[name] = reading_of(values, name, estimator=estimator, bias=bias)
        self.values[name] = values.double()


def _columns(reading: AnyReading, name: str, columns: list[int], order: str) -> ReadingByDimension:
    """A reading by attribute, of some attributes."""
    if not isinstance(reading, ReadingByDimension) or reading.stderr is None:
        raise Refused("The classifier must judge each attribute by itself, and read its accuracy by attribute.")
    return replace(
        reading,
        name=name,
        value=[reading.value[k] for k in columns],
        stderr=[reading.stderr[k] for k in columns],
        estimator=f"{reading.estimator}; in the order {order}",
    )
