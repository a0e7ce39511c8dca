"""Links by an adversary: critics of density ratios, discriminators, and references that need none."""
