"""From a logit to a probability, how far the two agree, and what a site may change."""
