"""The demonstration: a simulated downlink becomes published products before your eyes."""
