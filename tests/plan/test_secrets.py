"""Secrets and privacy: Semis writes no secret, and it sends nothing and listens on no port unless asked."""

import subprocess
import sys

from semis.harness.errors import UserError, redacted

import pytest
from configs import resolved
from conftest import asked, study, tracer
from qlora_card import origin

SECRET = "S3cret"
ADDRESSES = {
    f"https://me:{SECRET}@example.org/books.zip": "a user name or password",
    f"https://{SECRET}@example.org/books.zip": "a user name or password",
    f"https://example.org/books.zip?download=1&access_token={SECRET}": "the key 'access_token' in its query",
    f"https://example.org/books.zip?X-Amz-Date=1&X-Amz-Signature={SECRET}": "the key 'X-Amz-Signature' in its query",
    f"https://example.org/books.zip?sv=1&sig={SECRET}": "the key 'sig' in its query",
    f"https://example.org/books.zip?apikey={SECRET}": "the key 'apikey' in its query",
}


@pytest.mark.parametrize("url", ADDRESSES, ids=ADDRESSES.values())
def test_an_address_with_a_secret_is_refused_and_not_repeated(url):
    assert resolved(study({"url": url})) == (
        f"config.yaml: datasets.books.source.url holds {ADDRESSES[url]}, which would be copied with the config; "
        "leave it out, get the file in another way and put it into the folder downloads/, as books.zip."
    )


@pytest.mark.parametrize(
    "source",
    [
        {"url": f"ftp://me:{SECRET}@example.org/books.zip"},
        {"path": f"https://me:{SECRET}@example.org/books.zip"},
        {"hub": f"https://me:{SECRET}@example.org/books"},
        {"url": f"https://me:{SECRET}@example.org/"},
        {"path": f"https://example.org/books.zip?token={SECRET}"},
    ],
)
def test_no_other_mistake_with_an_address_repeats_its_secret(source):
    sentence = resolved(study(source))
    assert "example.org" in sentence and SECRET not in sentence


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("what https://a:b@h.fr/x.zip?t=1&u=2 sent", "what https://h.fr/x.zip sent"),
        (
            "'https://h.fr/x?t=1'; (https://h.fr/y?t=1), https://h.fr/z?t=1.",
            "'https://h.fr/x'; (https://h.fr/y), https://h.fr/z.",
        ),
        ("did you mean 'x'? see https://h.fr/ä@b? yes", "did you mean 'x'? see https://h.fr/ä@b? yes"),
    ],
)
def test_redacted(text, shown):
    assert redacted(text) == str(UserError(text)) == shown


def test_the_card_of_an_adapter_names_its_origin_without_a_query():
    assert origin({"url": f"https://example.org/faq.json?v={SECRET}"}) == "url https://example.org/faq.json"


@pytest.mark.slow
def test_the_demo_sends_nothing_and_listens_for_nothing(trace, tmp_path):
    """This holds for all its processes; among themselves they use sockets without a network address."""
    assert asked(trace) == []
    assert "AF_UNIX" in trace.read_text()
    bad = "import socket; socket.create_server(('127.0.0.1', 0)); socket.socket().connect_ex(('127.0.0.1', 9))"
    subprocess.run([*tracer(tmp_path / "bad"), sys.executable, "-c", bad], check=True)
    assert len(asked(tmp_path / "bad")) == 2
