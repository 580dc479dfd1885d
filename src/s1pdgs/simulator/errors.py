"""What can be wrong with a scenario."""


class SimulatorError(ValueError):
    """The scenario cannot be simulated; the message says what to change."""
