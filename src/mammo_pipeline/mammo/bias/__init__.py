"""The same figures for each subgroup beside the whole, and which gaps are more than chance."""
