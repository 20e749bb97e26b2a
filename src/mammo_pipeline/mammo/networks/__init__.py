"""The networks: how each is laid out, and how a trained member answers."""
