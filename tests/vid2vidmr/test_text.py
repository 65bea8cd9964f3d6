"""Text from outside: what a terminal would obey and what nobody may read is gone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vid2vidmr.text import counted, plain, redacted, with_name


@given(st.text())
def test_plain_is_one_line_that_can_be_printed(text):
    assert plain(text).isprintable()
    assert plain(plain(text)) == plain(text)
    plain(text).encode()


def test_plain_keeps_words_and_shows_where_a_sign_was():
    assert plain("  matr\t größe\n é 視頻 ") == "matr größe é 視頻"
    assert plain("\x1b[31mred\x07\u202e\ud800") == "\ufffd[31mred\ufffd\ufffd\ufffd"


def test_a_count_meets_its_noun():
    said = [counted(n, noun) for n, noun in ((0, "video"), (1, "query"), (2000, "query"))]
    assert said == ["0 videos", "1 query", "2,000 queries"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a b.mp4", "/videos/a b.mp4 has no video stream."),
        ("cups/a.mp4", "[Errno 13] Permission denied: '/videos/cups/a.mp4'"),
        ("a", "videos/a.mp4 does not exist."),
        ("a.mp4", "a.mp4 does not exist."),
    ],
)
def test_a_reason_that_has_the_file_is_not_given_its_name_again(name, reason):
    assert with_name(name, reason) == reason


@pytest.mark.parametrize("name", ["a", "1", "video", "no"])
def test_a_reason_is_given_the_name_that_it_has_only_in_other_words(name):
    reason = "It has no video in 1 frame, see /1a/videos."
    assert with_name(name, reason) == f"{name}: {reason}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@ss@host/v1 fails", "http://***@host/v1 fails"),
        ("https://token@host", "https://***@host"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer ***"),
        ("https://h/v1?api_key=abc&x=1", "https://h/v1?api_key=***&x=1"),
        ("vlm:a@two-video at http://h:1/v1", "vlm:a@two-video at http://h:1/v1"),
    ],
)
def test_secrets_are_not_shown(text, shown):
    assert redacted(text) == shown


def test_a_key_of_the_environment_is_not_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-verysecret")
    assert redacted("Incorrect key: sk-verysecret.") == "Incorrect key: ***."
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    assert redacted("none of them") == "none of them"
