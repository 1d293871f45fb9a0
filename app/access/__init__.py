"""Who is asking, and how much they may ask for: API keys, scopes, quotas and browser sessions."""
