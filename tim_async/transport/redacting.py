"""What may be told of a URL."""

from __future__ import annotations

from yarl import URL

__all__ = ["redact_url"]

_OURS = {"usersig", "sdkappid", "identifier"}
"""In the query of every call of the service."""


def redact_url(url: URL | str) -> str:
    """A URL as it may be traced: without a password, and for a call of the service without its query.

    For those who instrument an aiohttp session that the client is given, and that others use too::

        AioHttpClientInstrumentor().instrument(url_filter=tim_async.otel.redact_url)

    The query of a call names the app and the administrator account; and where the session is of a kind that the client
    does not know, it holds the usersig.

    Args:
        url: of any request.

    Returns:
        The URL; another's query stays as it is.
    """
    told = URL(url) if isinstance(url, str) else url
    if told.raw_user is not None or told.raw_password is not None:
        told = told.with_user(None)
    if _OURS.isdisjoint(name.lower() for name in told.query):
        return str(told)
    return str(told.with_query(None).with_fragment(None))
