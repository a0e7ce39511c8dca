"""Attributes as directions in code space, and an independent judge of what editing and generating by them does."""

from termwise.measuring.attributes.attribute_account import attribute_account
from termwise.measuring.attributes.beside import BY_SIDE, AttributesBeside, attributes_beside
from termwise.measuring.attributes.edits import Edits, Judge, decoded, edit_and_judge, vectors_of
from termwise.measuring.attributes.selection import joined, with_attributes
from termwise.measuring.attributes.vectors import METHODS, AttributeVectors, check_strengths, find_vectors

__all__ = [
    "BY_SIDE",
    "METHODS",
    "AttributeVectors",
    "AttributesBeside",
    "Edits",
    "Judge",
    "attribute_account",
    "attributes_beside",
    "check_strengths",
    "decoded",
    "edit_and_judge",
    "find_vectors",
    "joined",
    "vectors_of",
    "with_attributes",
]
