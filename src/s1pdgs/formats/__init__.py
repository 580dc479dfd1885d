"""Bytes and XML <-> model values. Pure: knows no database, network or configuration."""
