"""The shortcut audit: whether a score follows the cancer, or what merely goes along with it."""
