"""The decomposition of the rate: which links there are between the laws of a walk, and what the field calls them.

    rate                      posterior -> prior       KL(q(z|x) || p(z))
    index_code_mi             posterior -> aggregate   KL(q(z|x) || q(z)), the mutual information of index and code
    marginal_kl               aggregate -> prior       KL(q(z) || p(z))
    total_correlation         aggregate -> marginals   KL(q(z) || prod_j q(z_j))
    dimension_wise_kl         marginals -> prior       sum_j KL(q(z_j) || p(z_j))
    group_correlation         aggregate -> groups      KL(q(z) || prod_g q(z_g))
    within_group_correlation  groups -> marginals      sum_g KL(q(z_g) || prod_(j in g) q(z_j))
    group_wise_kl             groups -> prior          sum_g KL(q(z_g) || p(z_g))
    index_code_mi_given_side  posterior -> conditional KL(q(z|x) || q(z|s)), the same given what stands beside x
    side_information          conditional -> aggregate KL(q(z|s) || q(z)), the mutual information of code and s
    reference_kl              posterior -> reference   KL(q(z|x) || r(z|x))
    reference_to_prior        reference -> prior       E_q[log r(z|x) - log p(z)]

The rate is the sum of the links of any walk from posterior to prior (Hoffman and Johnson, 2016; Chen et al., 2018, eq.
2); from the conditional law on, a link beyond the aggregate is the sum of two. From a batch, each is computed by an
estimator: the total correlation, for instance, in `monte_carlo.py`, from log q(z) and log q(z_j) of a memory in
`aggregate/`; in `adversarial/density_ratio.py`, from a critic; as an MMD^2 in `kernel.py`, as an HSIC in `hsic.py`, and
from covariances alone in `moments.py`. The rate and the links of a reference also have `closed_form.py`.
"""

import re

LINK_NAMES = {
    ("posterior", "prior"): "rate",
    ("posterior", "aggregate"): "index_code_mi",
    ("aggregate", "prior"): "marginal_kl",
    ("aggregate", "marginals"): "total_correlation",
    ("marginals", "prior"): "dimension_wise_kl",
    ("aggregate", "groups"): "group_correlation",
    ("groups", "marginals"): "within_group_correlation",
    ("groups", "prior"): "group_wise_kl",
    ("posterior", "conditional"): "index_code_mi_given_side",
    ("conditional", "aggregate"): "side_information",
    ("conditional", "groups"): "side_and_group_correlation",
    ("conditional", "marginals"): "side_and_total_correlation",
    ("conditional", "prior"): "marginal_kl_given_side",
    ("posterior", "reference"): "reference_kl",
    ("reference", "prior"): "reference_to_prior",
}
"""The links, by the stops between which they go: what the field calls each where it is a KL."""


def link_name(left: str, right: str, quantity: str) -> str:
    """What a quantity of a link is called: the field's name where it is the KL, such as marginal_mmd2 else.

    Example:
        >>> link_name("aggregate", "prior", "KL"), link_name("aggregate", "prior", "MMD^2")
        ('marginal_kl', 'marginal_mmd2')
    """
    name = LINK_NAMES[left, right]
    if quantity == "KL":
        return name
    return f"{name.removesuffix('_kl')}_{re.sub(r'[^a-z0-9]+', '_', quantity.lower().replace('^', ''))}"
