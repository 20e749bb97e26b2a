"""Which members form the ensemble, how their logits are combined, and what it says of an image."""
