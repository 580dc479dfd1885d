"""Auxiliary products in SAFE directories: instrument, calibration and processing parameters."""
