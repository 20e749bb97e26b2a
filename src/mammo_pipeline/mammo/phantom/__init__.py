"""Made-up breasts: anatomy in millimetres, drawn through any device, with the truth known."""
