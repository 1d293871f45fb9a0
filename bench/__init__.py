"""Measurements. Each says its command, machine and spread, and compares within one run."""
