"""Lesions: where a network marks them, and whether they were found."""
