"""Another delivery of a finished session: what a link or a station does wrong is done to a clean one."""
