"""What a line of a training's progress calls its terms."""

from termwise.training.watchers import in_short


def test_terms_are_short_and_a_critics_reading_says_so():
    terms = {"distortion": 1.0, "rate": 2.0, "total_correlation_kl_by_critic": 3.0, "rate_kl_by_critic": 4.0}
    terms |= {"marginal_kl_by_critic": 5.0, "marginal_gan_by_critic": 6.0, "marginal_kl": 7.0}
    assert in_short(terms) == (
        "dist 1.00  rate 2.00  TC by critic 3.00  rate by critic 4.00  marg by critic 5.00  "
        "marginal_gan_by_critic 6.00  marg 7.00"
    )
