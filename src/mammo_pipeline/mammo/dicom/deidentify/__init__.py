"""A copy of a mammogram that names nobody (PS3.15 annex E): what is named stays, the rest goes."""
