"""Calls go through the proxy that is said, or that the environment names to all programs; and that is told."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from box import connection, running, start
from servers import Puppet, yes

from tim_async.bulk.reading import InputError
from tim_async.cli.app import run
from tim_async.cli.options import Connection
from tim_async.cli.proxies import Proxy, proxy_of
from tim_async.service.keys import keyed

VARIABLES = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "HTTP_PROXY")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """One that names no proxy."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def to(base_url: str | None = None, region: str = "singapore", proxy: str | None = None) -> Connection:
    return Connection(14, keyed("key"), "administrator", region, base_url, proxy)


def test_without_a_word_there_is_none() -> None:
    assert proxy_of(to()) is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_environment_names_one(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.setenv(name, "http://user:secret@proxy:3128")
    proxy = proxy_of(to())
    assert proxy == Proxy("http://user:secret@proxy:3128", name.upper())
    assert (str(proxy), repr(proxy)) == ("http://proxy:3128", "<Proxy http://proxy:3128>")
    assert proxy_of(to("https://example.com:8443")) == proxy


def test_a_proxy_without_a_scheme_speaks_http(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTPS_PROXY", "proxy:3128")
    environment.setenv("ALL_PROXY", "http://other")
    assert proxy_of(to()) == Proxy("http://proxy:3128", "HTTPS_PROXY")


@pytest.mark.parametrize(
    ("connection", "no_proxy"),
    [
        (to("http://127.0.0.1:8080"), ""),
        (to("http://["), ""),
        (to(region="moon"), ""),
        (to(), "*"),
        (to(), "example.com,.im.qcloud.com"),
        (to("https://example.com"), "example.com"),
        (to(proxy=""), ""),
    ],
)
def test_what_the_environment_says_is_not_for_all(
    environment: pytest.MonkeyPatch, connection: Connection, no_proxy: str
) -> None:
    environment.setenv("HTTPS_PROXY", "http://proxy:3128")
    environment.setenv("NO_PROXY", no_proxy)
    assert proxy_of(connection) is None


def test_what_is_said_goes_before_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTPS_PROXY", "http://proxy:3128")
    environment.setenv("NO_PROXY", "*")
    assert proxy_of(to(proxy="http://mine")) == Proxy("http://mine")


def test_a_proxy_of_another_kind_is_told_without_its_password(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ALL_PROXY", "socks5://user:secret@proxy:1080")
    with pytest.raises(InputError) as caught:
        proxy_of(to())
    assert str(caught.value).startswith("ALL_PROXY names the proxy socks5://proxy:1080, and only proxies of HTTP")
    assert "secret" not in str(caught.value)


def test_calls_go_through_the_proxy_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(Puppet(yes)) as proxy:
        options = connection(proxy, tmp_path)
        base_url = "http://127.0.0.1:9"  # where nobody is
        source = tmp_path / "ids"
        source.write_text("Mary\n")
        sending = ["push", "get-tags", "--from", str(source), *options, "--base-url", base_url, "--proxy", proxy.url]
        assert run(sending) == 0
        (call,) = proxy.calls
    assert call.target.startswith(f"{base_url}/v4/timpush/get_tag?")
    assert capsys.readouterr().err == "1 row: 1 Ok\n"


@pytest.fixture
def closed_door() -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that lets nobody through: its port, and the first line of each who came."""
    came: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                guest, _ = listener.accept()
            except OSError:
                return
            with guest:
                came.append(guest.recv(10_000).partition(b"\r\n")[0])
                guest.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], came
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.usefixtures("counted")
def test_the_proxy_of_the_environment_is_told_and_taken(
    closed_door: tuple[int, list[bytes]], environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port, came = closed_door
    environment.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{port}")
    key = tmp_path / "key"
    key.write_text("a-key")
    options = ["--sdk-app-id", "1400000000", "--secret-key-file", str(key), "--base-url", "https://service.invalid"]
    with start("push", "get-attribute-names", *options, "--timeout", "3s") as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (2, b"")
    first, *rest = err.decode().splitlines()
    assert first == f"tim-async: calls go through the proxy http://127.0.0.1:{port} (HTTPS_PROXY)"
    assert len(rest) == 1
    assert "secret" not in err.decode()
    assert came[0] == b"CONNECT service.invalid:443 HTTP/1.1"
