"""Level-0 products: the SAFE directory of space packets with annotation, index and manifest."""
