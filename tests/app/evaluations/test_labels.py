"""From labels to classes."""

import unicodedata

from app.evaluations.labels import Labels


def test_a_label_is_known_however_its_accents_are_written() -> None:
    composed, apart = (unicodedata.normalize(form, "Bär") for form in ("NFC", "NFD"))

    assert composed != apart
    assert Labels(["Kuh", composed]).index(apart) == 1
    assert Labels(["Kuh", apart]).index(composed) == 1
