"""Any model -> an account of readings."""
