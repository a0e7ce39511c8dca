"""(law, law, draw) -> nats."""
