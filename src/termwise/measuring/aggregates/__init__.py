"""Aggregates as things to hold: the law of the codes of every group of examples."""

from termwise.measuring.aggregates.by_group import Abundance, GroupAggregates

__all__ = ["Abundance", "GroupAggregates"]
