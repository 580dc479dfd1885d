"""Shared SAR physics: Earth, orbit, attitude, antenna and chirp as pure functions of arrays."""
