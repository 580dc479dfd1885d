"""Sentinel-1 space packets (S1-IF-ASD-PL-0007): headers, codes, ancillary data and user data of types A to D."""
