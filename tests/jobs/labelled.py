"""Evaluations to put into the store, and a driver that does with them what the web process does."""

from typing import Any

from jobs import evaluations, keys, ledger
from jobs.caller import LOCAL
from jobs.evaluation_record import EvaluationSpec, Item, ItemError
from smoothing.params import SmoothingParams

ROOM = evaluations.Room(evaluations=2, image_bytes=100, own_image_bytes=100)
BAD = Item(name="b.txt", label=1, error=ItemError(code="unreadable-image", message="no image"))
ITEMS = (Item(name="a.png", label=0), BAD, Item(name="c.png", label=2))
DOCUMENT = {
    "verdict": "certified",
    "predicted": {"index": 2, "label": "ship"},
    "radius": 0.123456,
    "duration_s": 1.5,
    "counts": {},
}


class LabelledSet:
    """An evaluation of two images and one that is none."""

    def __init__(self, life: Any, **changes: Any) -> None:
        self.life, self.run = life, life.run
        self.spec = EvaluationSpec(
            id=keys.new_job_id(),
            name="mine",
            caller=changes.pop("caller", LOCAL),
            model=life.spec().model,
            params=SmoothingParams(sigma=0.25, n0=20, n=100),
            draws_each=120,
            created_at=life.now,
            deadline_at=life.now + 3600,
        )
        self.id, self.tenant = self.spec.id, self.spec.caller.tenant

    def begin(self, room: evaluations.Room = ROOM) -> str:
        for index in (0, 2):
            self.run(evaluations.upload("uploads", index, b"x" * 20, now=self.life.now))
        return self.run(
            evaluations.create(
                self.spec,
                ITEMS,
                upload_id="uploads",
                num_bytes=40,
                room=room,
                now=self.life.now,
            )
        )

    def take(self, claimer: str = "me", *, window: int = 10, most: int = 10) -> Any:
        command = evaluations.take(
            self.id, claimer=claimer, window=window, most=most, now=self.life.now
        )
        turn = self.run(command)
        return None if turn is None else turn.indices

    def place(self, index: int, *, own: bool = True) -> str:
        job_id = evaluations.child_id(self.id, index)
        spec = self.life.spec(
            id=job_id, tenant=self.tenant, image={"tensor_sha256": f"{index:064x}"}
        )
        self.life.submit(spec, caller=self.spec.caller)
        self.placed(index, job_id, own=own)
        return job_id

    def placed(self, index: int, job_id: str, *, own: bool = True) -> bool:
        return self.run(
            evaluations.placed(self.id, index, job_id=job_id, own=own, now=self.life.now)
        )

    def read(self, tenant: str | None = None, *, items: bool = True) -> Any:
        tenant = tenant or self.tenant
        return self.run(evaluations.read(self.id, tenant=tenant, now=self.life.now, items=items))

    def cancel(self) -> None:
        self.run(evaluations.cancel(self.id, tenant=self.tenant, now=self.life.now))

    def delete(self) -> None:
        self.run(evaluations.delete(self.id, tenant=self.tenant, now=self.life.now))

    def finish(self, job_id: str) -> None:
        for chunk in self.life.admit():
            self.life.commit(chunk)
        self.run(ledger.finish(job_id, step=0, document=DOCUMENT, now=self.life.now))
