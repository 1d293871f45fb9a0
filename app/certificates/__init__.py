"""Certificates as signed documents: signing, checking, and what follows from one."""
