"""The Celery workers: they hold the classifiers, draw, and turn votes into certificates."""
