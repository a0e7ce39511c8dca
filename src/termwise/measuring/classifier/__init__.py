"""A classifier that learns from real examples alone, and judges or gives features."""
