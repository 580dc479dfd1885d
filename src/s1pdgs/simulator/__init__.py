"""A mission to practise on: scene -> echoes -> packets -> CADUs -> session, served by a faithful station."""
