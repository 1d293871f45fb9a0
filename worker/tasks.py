"""The two Celery tasks; thin, since `worker.drawing` knows no Celery."""

from jobs.queue_names import ADMIT_TASK, DRAW_TASK
from jobs.record import Chunk
from smoothing.votes import Phase
from worker.celery_app import celery_app, service


@celery_app.task(name=ADMIT_TASK)
def admit(model_id: str) -> None:
    """Start the queued jobs of a model."""
    service.drawing.admit(model_id)


@celery_app.task(name=DRAW_TASK)
def draw(job_id: str, phase: str, start: int, stop: int) -> None:
    """Draw one chunk."""
    service.drawing.draw(Chunk(job_id=job_id, phase=Phase(phase), start=start, stop=stop))
