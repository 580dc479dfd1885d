"""How news travels: event types, transactional outbox, in-process relay."""
