"""What is served at which path; each handler is a few lines over the rooms below."""
