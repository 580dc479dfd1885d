"""The Level-0 processors: `aio` makes segments of a downlink session, `asp` slices of a data take."""
