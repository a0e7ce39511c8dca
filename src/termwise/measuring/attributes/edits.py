"""Images edited along attribute vectors, and what a judge of attributes says of them.

With posterior means m_n, attributes a_n, a decoder g, vectors v_j, a strength s, and e_n ~ p(z),

    reconstructed     g(m_n)
    edited            g(m_n + s (1 - 2 a_nj) v_j)           towards what the example has not, one attribute at a time
    generated         g(e_n + s v_j), beside g(e_n)
    from attributes   g(e_n + sum_j (a_nj - a_j) v_j)       with a_j the share that has attribute j

where g gives the expected example; or by values beside x (`beside.py`). The judge calls attribute j present where its
logit is above 0.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from termwise.account.reading import AnyReading
from termwise.data.dataset import Dataset
from termwise.errors import BadData, NoDensity, Refused
from termwise.measuring.attributes.beside import AttributesBeside
from termwise.measuring.attributes.vectors import AttributeVectors, find_vectors
from termwise.models.data_pass import DataPass, Progress, evaluating
from termwise.models.distributions import expected_example
from termwise.models.draw import Draw
from termwise.models.drawable import Drawable
from termwise.models.randomness import own_randomness
from termwise.models.tensor_dataclasses import map_fields


@runtime_checkable
class Judge(Protocol):
    """What tells attributes of images, such as a `Classifier` that learned them from real ones.

    Example:
        A judge that sees whether an image is bright; its accuracy must come from images that are known.

        >>> from termwise.account.reading import reading_of
        >>> class Brightness:
        ...     names = ("bright",)
        ...     accuracy = reading_of(torch.ones(9, 1), "classifier_accuracy", estimator="by hand", bias="none")
        ...     majority = reading_of(torch.ones(9, 1), "classifier_majority", estimator="by hand", bias="none")
        ...     def features(self, x):
        ...         return x.flatten(1).mean(1, keepdim=True)
        ...     def logits(self, x):
        ...         return self.features(x) - 0.5
        >>> judge: Judge = Brightness()
        >>> judge.logits(torch.ones(2, 1, 4, 4)).tolist()
        [[0.5], [0.5]]
    """

    names: tuple[str, ...]
    accuracy: AnyReading  # on real images, by attribute
    majority: AnyReading  # of the most frequent answers, likewise

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """What the layers see of examples, (B, *shape): shape (B, F)."""

    @abstractmethod
    def logits(self, x: Tensor) -> Tensor:
        """One logit a name, (B, A), for examples, (B, *shape): above 0 where the attribute is judged present."""


Edits = AttributeVectors | AttributesBeside
"""How attributes are edited: along vectors, or by values beside x."""


@dataclass(frozen=True)
class EditJudgements:
    """How N images are judged that were edited along the vectors of one method.

    Attributes:
        right: Whether the edited attribute is judged as asked, shape (N, A).
        kept: The share of the other attributes that are judged as before the edit, (N, A).
        moved: How far the edit moves the judge's features, (N, A).
        generated: Whether a generated image to which the attribute was added is judged to have it, (N, A).
        from_attributes: The judge's logits for images made from attributes, (N, A).
    """

    right: Tensor
    kept: Tensor
    moved: Tensor
    generated: Tensor
    from_attributes: Tensor


@dataclass(frozen=True)
class BaselineJudgements:
    """How N examples are judged before any edit, with the attributes that they have.

    Attributes:
        has: Their attributes, shape (N, A).
        data: The judge's logits for the examples themselves, (N, A).
        reconstructed: For their reconstructions.
        generated: For as many images decoded from codes of the prior.
        features: The judge's, of the reconstructions, (N, F).
    """

    has: Tensor
    data: Tensor
    reconstructed: Tensor
    generated: Tensor
    features: Tensor


def code_means(draw: Draw) -> Tensor:
    """The posteriors' means, shape (B, D)."""
    try:
        return draw.posterior.mean
    except NotImplementedError:
        raise Refused(
            f"Attribute vectors lie between posterior means, and {type(draw.posterior).__name__} has none in closed "
            "form; let encode() give a law that has."
        ) from None


def vectors_of(
    model: Drawable,
    train: Dataset,
    methods: Sequence[str],
    seed: int = 0,
    batch_size: int = 512,
    device: torch.device | str = "cpu",
) -> dict[str, AttributeVectors]:
    """The vectors by method of a model's codes of `train`, whose attributes are zeros and ones.

    The seed is that of examples which are drawn anew at every visit; the random state is left as it was.

    Example:
        >>> import termwise as tw
        >>> from termwise.measuring.attributes import with_attributes
        >>> digits = tw.load_data("digits", test=0.2)
        >>> train, _, _ = with_attributes(digits.train, digits.test, names=["0", "7"])
        >>> vectors = vectors_of(tw.VAE.build(train.shape, 2, network="mlp"), train, ["regression"])
        >>> vectors["regression"].vectors.shape
        torch.Size([2, 2])
    """
    attributes = train.attributes
    if attributes is None:
        raise BadData(f"{train.name} has no attributes to find vectors of.")
    with own_randomness(seed), evaluating(model):
        codes = torch.cat([code_means(draw).cpu() for draw in DataPass(model, train, batch_size, device)()])
    return {method: find_vectors(codes, attributes, train.attribute_names, method) for method in methods}


def decoded(model: Drawable, z: Tensor, context: Any) -> Tensor:
    """The expected examples at codes z, shape (B, D): shape (B, *shape).

    Example:
        >>> import termwise as tw
        >>> decoded(tw.VAE.build((1, 4, 4), 2), torch.zeros(3, 2), None).shape
        torch.Size([3, 1, 4, 4])
    """
    try:
        return expected_example(model.generate(z, context))
    except (NotImplementedError, NoDensity):
        raise Refused("The likelihood of this model has no mean, so its images cannot be edited.") from None


def edit_and_judge(
    model: Drawable,
    data: Dataset,
    vectors: Mapping[str, Edits],
    judge: Judge,
    *,
    strength: float = 1.0,
    seed: int = 0,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> tuple[BaselineJudgements, dict[str, EditJudgements]]:
    """Every example of `data` edited in every attribute, by every method; everything on the CPU.

    Args:
        model: In whose codes the vectors lie.
        data: Examples on which neither vectors nor judge learned.
        vectors: By method, all of the data's attributes, in their order; or what says them beside x.
        judge: On the same device; it may know of more attributes.
        strength: s.
        seed: Of the codes of the prior. The random state is left as it was.
        batch_size: Examples at a time.
        device: Where the model is.
        progress: Told how far it is.

    Example:
        >>> import termwise as tw
        >>> from termwise.measuring.attributes import joined, with_attributes
        >>> from termwise.measuring.classifier.classifier import train_classifier
        >>> digits = tw.load_data("digits", test=0.02)
        >>> train, held_out, _ = with_attributes(digits.train, digits.test, names=["0", "7"])
        >>> model, judge = tw.VAE.build(train.shape, 2), train_classifier(joined(train, held_out), steps=2)
        >>> vectors = vectors_of(model, train, ["mean-difference"])
        >>> before, after = edit_and_judge(model, held_out, vectors, judge)
        >>> after["mean-difference"].right.shape  # by image and attribute
        torch.Size([36, 2])
    """
    names = data.attribute_names
    unknown = [name for name in names if name not in judge.names]
    if unknown:
        raise Refused(f"The classifier knows nothing of {', '.join(unknown)}; it knows {', '.join(judge.names)}.")
    columns = [judge.names.index(name) for name in names]
    attributes = data.attributes
    assert attributes is not None  # there are names
    before: list[BaselineJudgements] = []
    after: dict[str, list[EditJudgements]] = {method: [] for method in vectors}
    with own_randomness(seed), evaluating(model):
        for draw in DataPass(model, data, batch_size, device)():
            assert draw.index is not None
            has = attributes[draw.index.cpu()].to(device).bool()
            batch = _Batch(model, judge, columns, code_means(draw), draw.context)
            noise = draw.prior_codes
            plain = batch.decode(batch.codes, draw.context)
            baseline = BaselineJudgements(
                has=has,
                data=batch.logits(draw.x),
                reconstructed=batch.logits(plain),
                generated=batch.logits(batch.decode(noise, draw.context)),
                features=judge.features(plain),
            )
            before.append(baseline)
            for method, directions in vectors.items():
                after[method].append(_judge_edits(batch, baseline, noise, directions, strength))
            if progress is not None:
                progress("edits", (int(draw.index[-1]) + 1) / len(data))

    def joined(parts: list[Tensor]) -> Tensor:
        return torch.cat([part.cpu() for part in parts])

    return map_fields(joined, before), {method: map_fields(joined, parts) for method, parts in after.items()}


@dataclass(frozen=True)
class _Batch:
    """One batch's codes, with all that decodes and judges them."""

    model: Drawable
    judge: Judge
    columns: list[int]
    codes: Tensor
    context: Any

    def decode(self, z: Tensor, context: Any) -> Tensor:
        return decoded(self.model, z, context)

    def logits(self, x: Tensor) -> Tensor:
        return self.judge.logits(x)[:, self.columns]


def _judge_edits(
    batch: _Batch, before: BaselineJudgements, noise: Tensor, edits: Edits, strength: float
) -> EditJudgements:
    has, drawn, by_attribute = before.has, (noise, batch.context), []
    for j in range(has.shape[1]):
        image = batch.decode(*edits.turned((batch.codes, batch.context), j, has[:, j], strength))
        logits = batch.logits(image)
        same = (logits > 0) == (before.reconstructed > 0)  # (B, A)
        others = (same.sum(1) - same[:, j].long()) / max(1, same.shape[1] - 1)
        by_attribute.append(
            (
                (logits[:, j] > 0) != has[:, j],
                others,
                (batch.judge.features(image) - before.features).norm(dim=1),
                batch.logits(batch.decode(*edits.added(drawn, j, strength)))[:, j] > 0,
            )
        )
    from_attributes = batch.logits(batch.decode(*edits.made_from(drawn, has)))
    right, kept, moved, generated = (torch.stack(column, 1) for column in zip(*by_attribute, strict=True))
    return EditJudgements(right, kept, moved, generated, from_attributes)
