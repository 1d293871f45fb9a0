"""What the parts are started with, and how long they may take to stop."""

from pathlib import Path

from app.embedded.parts import Place, web_part
from app.settings import AppSettings


def test_a_web_process_is_not_killed_while_it_drains_and_finishes_uploads(tmp_path: Path) -> None:
    settings = AppSettings(drain_s=60, body_timeout_s=120)
    place = Place(logs=tmp_path, environment={}, redis_url="unix:///nowhere")

    part = web_part(place, settings, host="127.0.0.1", port=1, url="http://127.0.0.1:1")

    finishing_s = float(part.arguments[part.arguments.index("--timeout-graceful-shutdown") + 1])
    assert finishing_s > 120
    assert 60 + finishing_s < part.stop_s
