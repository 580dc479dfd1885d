"""The open Sentinel-1 Payload Data Ground Segment."""

__version__ = "0.1.0"
