"""What the codes of an autoencoder are worth to a model that is trained on them: the tokenizer report."""

from termwise.measuring.tokenizer.tokenizer_report import tokenizer_report

__all__ = ["tokenizer_report"]
