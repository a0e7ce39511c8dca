"""Estimators by name: how the two laws of a link may be compared, one row each.

An estimator is a file of its own and a row here: the row's maker takes what a configuration may say of it. Two options
are the same for all that take them: `aggregate`, a memory of q(z), which the links of one walk that name the same one
share; and `optimizer`, by which a critic moves. An estimator with an attribute `reference` brings a stop r(z|x) to its
walk (`WithReference`).
"""

from termwise.registry import Makers, Row

ESTIMATORS: Makers[Row] = Makers(
    "estimator",
    "termwise.estimators",
    [
        Row("closed-form", "termwise.terms.closed_form:ClosedForm", "the KL of two torch Distributions, exactly"),
        Row(
            "closed-or-sampled",
            "termwise.terms.closed_or_sampled:ClosedOrSampled",
            "the KL of two torch Distributions, exactly where a closed form is known, else as monte-carlo",
        ),
        Row("monte-carlo", "termwise.terms.monte_carlo:MonteCarlo", "the mean log ratio of two laws with densities"),
        Row("kernel", "termwise.terms.kernel:Kernel", "MMD^2 of two laws that can be sampled, under a kernel"),
        Row("moments", "termwise.terms.moments:Moments", "how far two covariances are apart, of codes or of means"),
        Row("hsic", "termwise.terms.hsic:HSIC", "the dependence of groups of dimensions, or of all, under a kernel"),
        Row(
            "density-ratio",
            "termwise.terms.adversarial.telescoping:ratio_by_critic",
            "an f-divergence of two laws that can be sampled, by a critic; with waymarks, by a sum of bridges",
        ),
        Row(
            "classifier",
            "termwise.terms.adversarial.side_classifier:SideClassifier",
            "what codes tell of what stands beside x, from below, by a classifier",
        ),
        Row(
            "adaptive-contrast",
            "termwise.terms.adversarial.adaptive_contrast:contrast_by_critic",
            "the KL from the posterior to a reference near it, by a critic in the reference's coordinates",
        ),
    ],
)
"""Estimators by name; a row makes an `Estimator` from its options.

Example:
    >>> ESTIMATORS.build("kernel", kernel="rbf", bandwidth=0.5).label
    'kernel, RBF'
"""
