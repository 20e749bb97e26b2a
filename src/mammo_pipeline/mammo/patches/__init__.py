"""Where patches are cut: a table of rules, and the drawing of places by it."""
