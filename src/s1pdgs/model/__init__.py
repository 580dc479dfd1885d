"""The words of the mission: product type, validity interval, footprint, session, datatake, order, job, timeliness. Frozen values, no I/O."""
