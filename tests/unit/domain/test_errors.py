"""Errors carry a code and safe parameters outwards, and the detail inwards only."""

from deldokument.domain.errors import (
    Broken,
    ChecksumMismatch,
    Conflict,
    InvalidFields,
    InvalidInput,
    NotFound,
    ScopeMissing,
    ServiceError,
    StorageFull,
)


def test_an_error_names_its_code_and_keeps_parameters_and_detail_apart() -> None:
    error = Conflict("upload_offset", detail="writer 2", expected=7)
    assert (error.code, error.params, error.detail) == ("upload_offset", {"expected": 7}, "writer 2")
    assert str(error) == "upload_offset (writer 2)"
    assert str(Conflict("upload_offset")) == "upload_offset"


def test_invalid_input_names_the_field() -> None:
    error = InvalidInput("title", "text_too_long", longest=200)
    assert (error.field, error.code, error.params) == ("title", "text_too_long", {"longest": 200})
    assert InvalidFields([error]).errors == [error]


def test_errors_with_one_meaning_have_one_code() -> None:
    errors: list[ServiceError] = [NotFound("why"), ChecksumMismatch(), StorageFull("ENOSPC"), Broken("entry")]
    assert [error.code for error in errors] == ["not_found", "checksum_mismatch", "storage_full", "broken"]
    assert [error.detail for error in errors] == ["why", "", "ENOSPC", "entry"]


def test_a_token_of_another_scope_is_refused_with_the_scope_that_is_needed() -> None:
    error = ScopeMissing("deldokument:share")
    assert (error.code, error.params) == ("insufficient_scope", {"scope": "deldokument:share"})
