"""The REST service: uploads in, jobs and certificates out. Loads no torch."""
