"""The proof that no model can tell the devices apart."""
