"""The ladder: stages of training, each of which starts from what an earlier one learned."""
