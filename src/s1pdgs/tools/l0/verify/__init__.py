"""The audit of a Level-0 product: what it claims against what it holds."""
