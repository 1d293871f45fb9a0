"""Signed messages to others when a job ends: to whom, with what, and again until they arrive."""
