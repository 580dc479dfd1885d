"""Who may: API keys and roles."""
