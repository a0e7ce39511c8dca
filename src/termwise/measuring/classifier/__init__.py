"""A classifier that learns from real examples alone, and judges or gives features."""

from termwise.measuring.classifier.classifier import Classifier, train_classifier

__all__ = ["Classifier", "train_classifier"]
