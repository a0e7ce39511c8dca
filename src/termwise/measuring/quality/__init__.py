"""How good what a model generates is, beside real examples: in features, and in pixels."""

from termwise.measuring.quality.frechet import frechet_distance
from termwise.measuring.quality.kernel_distance import kernel_distance
from termwise.measuring.quality.measures import QUALITY_MEASURES, FeatureClouds, QualityMeasure
from termwise.measuring.quality.overlap import overlap
from termwise.measuring.quality.sample_quality import sample_quality
from termwise.measuring.quality.sharpness import sharpness

__all__ = [
    "QUALITY_MEASURES",
    "FeatureClouds",
    "QualityMeasure",
    "frechet_distance",
    "kernel_distance",
    "overlap",
    "sample_quality",
    "sharpness",
]
