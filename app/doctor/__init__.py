"""Whether an installation is as it should be: each check with what to do about it."""
