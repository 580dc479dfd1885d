"""Where things rest: the object store, the database engine and its migrations, atomic files."""
