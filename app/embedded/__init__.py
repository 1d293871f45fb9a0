"""The whole stack on one machine: a Valkey server, workers and the web process, supervised."""
