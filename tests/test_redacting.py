"""What is left of a URL that may be traced."""

import pytest
from yarl import URL

from tim_async.otel import redact_url

CALL = "https://console.tim.qq.com/v4/timpush/get_tag"
SIGNED = f"{CALL}?sdkappid=1400000000&identifier=administrator&contenttype=json&usersig=eJw-secret&random=7"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (SIGNED, CALL),
        (f"{SIGNED}#usersig=eJw-secret", CALL),
        (f"{CALL}?contenttype=json&user%73ig=eJw-secret", CALL),
        (f"{CALL}?USERSIG=eJw-secret", CALL),
        (f"{CALL}?sdkappid=1", CALL),
        (SIGNED.replace("https://", "https://user:password@"), CALL),
        ("http://user:password@127.0.0.1:8080/a?b=c", "http://127.0.0.1:8080/a?b=c"),
        ("http://:password@127.0.0.1/", "http://127.0.0.1/"),
        ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
    ],
)
def test_a_call_loses_its_query_every_url_its_password_and_others_nothing_else(url: str, told: str) -> None:
    assert redact_url(url) == told
    assert redact_url(URL(url)) == told
