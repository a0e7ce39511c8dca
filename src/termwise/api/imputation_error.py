"""How far off imputed entries are, of anything that can fill them."""

import torch

import termwise.measuring.imputation as imputation
from termwise.account import Account
from termwise.api.impute import filling, with_gaps
from termwise.api.model_and_data import Data, Measurable, with_part
from termwise.api.on_device import on_device
from termwise.models.data_pass import Progress
from termwise.models.user_function import Trust
from termwise.values import Count, PositiveFinite, Samples, Seed, checked


@checked
def imputation_error(
    model: Measurable,
    data: Data | None = None,
    *,
    share: PositiveFinite = 0.1,
    split: str | None = None,
    samples: Samples = 1000,
    seed: Seed = 0,
    batch_size: Count = 256,
    device: torch.device | str = "cpu",
    trust: Trust = (),
    progress: Progress | None = None,
) -> Account:
    """How far off imputed entries are: some that are known are hidden, filled and compared, beside what means would do.

    Args:
        model, data, samples, seed, batch_size, device, trust, progress: As `impute` takes them.
        share: How much of what is known is hidden, at random.
        split: The part; where left out the test part, or all of what has none. What the model was trained on it may
            remember.

    Returns:
        Readings imputation_error, in standard deviations of the columns, imputation_error_of_means, and
        imputation_calibration, 1 where the spread is right; of words imputation_accuracy, and that of the commonest.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=2, options={"hidden": [8]})
        >>> account = imputation_error(untrained, "digits", samples=20)
        >>> account["imputation_error"].value > 0.5, account.data["part"]
        (True, 'test')
    """
    vae, whole = with_gaps(model, data, trust)
    part = split or ("test" if "test" in whole.splits else "all")
    examples = whole if part == "all" else whole.split(part)
    train = whole.train if part != "train" and "train" in whole.splits else None
    with filling(vae, whole), on_device(vae, device):
        account = imputation.imputation_error(
            vae, examples, share=share, train=train, samples=samples, seed=seed, batch_size=batch_size,
            device=device, progress=progress,
        )  # fmt: skip
    return with_part(account, part, len(whole))
