"""Task tables: checked and shown."""
