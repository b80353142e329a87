"""What customers are found by: case, accents, words, and what fits into an index."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.payload import Customer
from projections.search_terms import LONGEST, bare, folded, terms_of


def found_by(email: str | None, name: str | None) -> list[tuple[str, str]]:
    return [(one.field, one.term) for one in terms_of(Customer("cus_1", email, name))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.com", "ada@example.COM"),
        ("ÉMILIE@EXAMPLE.COM", "émilie@example.com"),
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς"),
        ("  Ada \t Lovelace ", "ada\u00a0lovelace"),
    ],
)
def test_case_and_composition_do_not_matter(one: str, other: str) -> None:
    for form in ("NFC", "NFD"):
        assert folded(normalize(form, one)) == folded(other)


def test_accents_matter_in_an_address_and_not_in_a_name() -> None:
    assert folded("Zoë") != folded("Zoe")
    for name, plain in (
        ("Zoë", "zoe"), ("JØRGENSEN", "jorgensen"), ("Łukasz Wałęsa", "lukasz walesa"),
        ("Ångström", "angstrom"), ("Nguyễn", "nguyen"), ("Œuvré", "oeuvre"), ("Στέλλα", "στελλα"),
        ("İpek Iş\u0131k", "ipek isik"), ("Müßig", "mussig"), ("Ёлкин", "елкин"),
    ):  # fmt: skip
        for form in ("NFC", "NFD"):
            assert bare(normalize(form, name)) == plain
    # a vowel sign changes the word: it stays
    assert bare("नमस्ते") == "नमस्ते"
    assert bare("がぎぐ") == "がぎぐ"


@given(st.text())
def test_folding_knows_no_case_and_no_composition(text: str) -> None:
    assert folded(normalize("NFD", text)) == folded(normalize("NFC", text))
    assert folded(folded(text)) == folded(text) or len(text) > LONGEST // 3
    assert len(folded(text * 40)) <= LONGEST


def test_a_name_is_found_by_each_of_its_words() -> None:
    assert found_by("Ada@Example.com", "Ada  King-Noel, Countess of Lovelace") == [
        ("email", "ada@example.com"),
        ("name", "ada king-noel, countess of lovelace"),
        ("name", "king-noel, countess of lovelace"),
        ("name", "noel, countess of lovelace"),
        ("name", "countess of lovelace"),
        ("name", "of lovelace"),
        ("name", "lovelace"),
    ]
    assert [term for _, term in found_by(None, "Brian O'Neill")] == [
        "brian o'neill", "o'neill", "neill",
    ]  # fmt: skip
    # signs that belong to their letter begin no word
    assert [term for _, term in found_by(None, "नमस्ते जी")] == ["नमस्ते जी", "जी"]
    assert found_by(None, "王小明") == [("name", "王小明")]
    assert found_by(None, None) == found_by("", " ") == found_by(None, "...") == []


def test_every_term_fits_into_an_index() -> None:
    long = "\U00020000" * 200
    for one in terms_of(Customer(long, "ΐ" * 320, f"{long * 3} " * 30)):
        assert len(f"{one.customer_id}{one.term}{one.field}".encode()) < 2_200
    assert len(found_by(None, "a b " * 1_000)) <= 16
    assert found_by(None, "x y" * 5_000)
