"""What is said of a certificate to people, on paper and in a terminal."""

from collections.abc import Callable
from typing import Any

from app.certificates.printed import Printed, printed
from app.certificates.words import headline, tables
from app.commands.words import describe

LABELS = ("cat", "bird", "ship")


def test_an_abstention_names_the_classes_rather_than_numbering_them(
    make_document: Callable[..., dict[str, Any]], cases: tuple[str, ...]
) -> None:
    documents = [make_document(name) for name in cases]
    abstained = [each for each in documents if each["abstention"]]
    for document in abstained:
        page = printed(
            Printed(
                job_id="one",
                document=document,
                labels=LABELS,
                certificate_sha256="",
                kid=None,
                tensor=None,
                service="http://localhost",
            )
        )
        for text in (page, describe(document, LABELS)):
            assert "class 0" not in text
            assert "class 1" not in text
    torn = " ".join(describe(make_document("fixed, abstained"), LABELS).split())
    assert "No class has a majority under this noise: cat won 500 of 1000 draws" in torn


def test_classes_keep_their_numbers_where_nobody_knows_their_names(
    make_document: Callable[..., dict[str, Any]],
) -> None:
    assert "class 0 won" in " ".join(describe(make_document("fixed, abstained")).split())


def test_the_number_of_questions_is_said_to_be_a_lower_bound(
    make_document: Callable[..., dict[str, Any]],
) -> None:
    figures = dict(tables(make_document("fixed, abstained", attempts=3), LABELS)[0].rows)

    assert figures["Questions about this image and model by then, at least"] == "3"


def test_a_radius_with_many_digits_is_never_rounded_up(
    make_document: Callable[..., dict[str, Any]],
) -> None:
    document = make_document("decide, yes") | {"radius": 0.1234567, "radius_asked": 0.1234567}

    said = [describe(document), headline(document), repr(tables(document, LABELS))]

    assert all("0.123456" in text and "0.123457" not in text for text in said)


def test_a_heuristic_certificate_is_called_that_in_its_headline(
    make_document: Callable[..., dict[str, Any]],
) -> None:
    sound, fast = make_document("fixed"), make_document("fixed, fast")
    predicted = make_document("predict") | {"numerics": "fast"}

    assert headline(fast).startswith("Heuristically certified 'dog' within")
    assert describe(fast).startswith("heuristically certified 'dog' within")
    assert headline(predicted).startswith("Heuristically classified 'dog', without")
    assert describe(predicted).startswith("heuristically predicted 'dog', without")
    assert headline(sound).startswith("Certified")
    assert describe(sound).startswith("certified")
