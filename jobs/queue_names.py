"""Names in the queue: tasks, and one pair of queues per model."""

ADMIT_TASK = "worker.tasks.admit"
DRAW_TASK = "worker.tasks.draw"
KEY_PREFIX = "dmae:celery:"
"""Before every key that Celery makes in Redis, so that other applications may share the server."""


def draw_queue(model_id: str) -> str:
    """The queue of a model's chunks."""
    return f"draws.{model_id}"


def admit_queue(model_id: str) -> str:
    """The queue of a model's wake-ups; apart, so that they need not wait behind its chunks."""
    return f"admit.{model_id}"


def draw_messages(model_id: str) -> str:
    """The Redis list in which a model's chunks wait."""
    return KEY_PREFIX + draw_queue(model_id)
