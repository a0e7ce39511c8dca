from .bounds import elbo as elbo, iwae_bound as iwae_bound
from .games import (
    critic_loss as critic_loss,
    f_divergence as f_divergence,
    f_divergence_loss as f_divergence_loss,
    feature_distortion as feature_distortion,
    gan_loss as gan_loss,
    non_saturating_loss as non_saturating_loss,
)
from .links import (
    dimension_wise_kl as dimension_wise_kl,
    group_correlation as group_correlation,
    group_wise_kl as group_wise_kl,
    index_code_mi as index_code_mi,
    marginal_kl as marginal_kl,
    rate as rate,
    total_correlation as total_correlation,
    within_group_correlation as within_group_correlation,
)
from .objectives import objective as objective
from .samples import dip as dip, hsic as hsic, marginal_mmd2 as marginal_mmd2, mmd2 as mmd2
from .shapes import capacity as capacity, floor as floor, free_bits as free_bits, gap as gap
from .side_links import (
    index_code_mi_given_side as index_code_mi_given_side,
    marginal_kl_given_side as marginal_kl_given_side,
    side_and_group_correlation as side_and_group_correlation,
    side_and_total_correlation as side_and_total_correlation,
    side_information as side_information,
)
from .stepped_bank import SteppedBank as SteppedBank
