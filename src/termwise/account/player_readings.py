"""The rows of what players of a game minimise and are watched by: critics, discriminators, references."""

from functools import partial

from termwise.account.reading_row import ReadingRow

_at_least_0 = partial(ReadingRow, least=0.0)
_share = partial(ReadingRow, unit="share", least=0.0, most=1.0)

OF_PLAYERS = (
    _at_least_0(
        "joint_deception",
        "deception of joint laws",
        "−log(1 − D(x, z)) − log D(x̃, z̃)",
        "what the autoencoder minimises: 2 log 2 = 1.39 where its two joint laws are one",
    ),
    ReadingRow(
        "side_cross_entropy",
        "classifier's cross-entropy",
        "E log p(s) − log D(s|z)",
        "what the classifier minimises: 0 where the code tells it nothing",
    ),
    _share("side_accuracy", "classifier's accuracy", "", "how often it reads what stands beside x off the code"),
    _share("accuracy", "critic's accuracy", "", "1/2 where the laws are alike to the critic; 1 where it never errs"),
    _at_least_0(
        "cross_entropy",
        "critic's cross-entropy",
        "",
        "what the critic minimises: 2 log 2 = 1.39 where it cannot tell the laws apart",
    ),
    ReadingRow(
        "reference_cross_entropy",
        "reference's cross-entropy",
        "−E log r(z|x)",
        "what the reference minimises: least where it is the posterior",
    ),
    _at_least_0(
        "gan_loss",
        "GAN loss",
        "L_GAN",
        "what the discriminator minimises and the decoder maximises: log 2 for each law where nothing is told apart",
    ),
    _at_least_0(
        "non_saturating_loss",
        "non-saturating loss",
        "−log D",
        "what the decoder minimises in place of −L_GAN: large where D is sure",
    ),
    _at_least_0(
        "loss_on_data", "loss on real examples", "−log D(x)", "log 2 = 0.69 of a discriminator that tells nothing"
    ),
    _at_least_0(
        "loss_on_reconstruction", "loss on reconstructions", "−log(1 − D)", "above 0.69 where it takes them for real"
    ),
    _at_least_0(
        "loss_on_generated", "loss on samples", "−log(1 − D)", "near 0 where the decoder learns nothing of them"
    ),
    _at_least_0(
        "feature_distortion",
        "feature distortion",
        "1/2 |Dis_l(x) − Dis_l(x_rec)|²",
        "how unlike a reconstruction is to a layer of the discriminator",
        "distortion",
        unit="features^2",
    ),
    ReadingRow(
        "left_logit",
        "mean logit",
        "E T",
        "T = log left/right, so zero where the laws are alike, and apart by as much as they are",
    ),
    ReadingRow("right_logit", "mean logit of the right law", "E T", "the same, of the other law"),
    _at_least_0("gradient_penalty", "critic's squared slope", "E|∇T|²", "how steep the critic is", unit=""),
)
"""The rows by the order in which they are shown."""
