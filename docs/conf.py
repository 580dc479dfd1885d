"""Sphinx configuration."""

project = "s1pdgs"
author = "The s1pdgs developers"
extensions = ["myst_parser"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
