"""The whole rate-distortion curve of one decoder, certified, and where its encoder stands beside it."""

from termwise.measuring.rate_distortion.rate_distortion import rate_distortion

__all__ = ["rate_distortion"]
