"""Where a call goes: what is a base URL or a proxy, and which of two domains is called."""

from typing import Any

import pytest

from tim_async.transport.hosts import REGIONS, Hosts, Proxy, check_base_url, read_proxy


@pytest.mark.parametrize("url", ["https://example.com/", "http://localhost:1", "http://127.0.0.1:80", "http://[::1]:1"])
def test_a_base_url_is_a_scheme_and_a_host(url: str) -> None:
    assert check_base_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["", "example.com", "http://127.0.0.1/v4", "ftp://127.0.0.1", "https://", "https://a?b=c"]
)
def test_anything_else_is_no_base_url(url: str) -> None:
    with pytest.raises(ValueError, match="scheme://host"):
        check_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com:99999",
        "https://example.com:65536",
        "https://example.com:0",
        "https://example.com:",
        "https://example.com:+80",
        "https://example.com:８０",
        "HTTP://127.0.0.1",
        "Https://example.com",
        "https://example.com#x",
        "https://example.com/#",
        "https://example.com;x",
        "https://example.com/;x",
        "https://example.com?",
        "https:// example.com",
        " https://example.com",
        "https://example.com ",
        "https://example.com\n",
        "https://example.com\r\nHost: x",
        "https://example.com\t",
        "https://exa\x00mple.com",
        "https://user:pw@example.com",
        "https://@example.com",
        "https://:443",
        "https://\\example.com",
        "https:\\\\example.com",
        "https:///example.com",
        "https:/example.com",
        "https://example.com//",
        "https://a,b",
        "https://%65xample.com",
        "https://exämple.com",
        "https://::1",
        "http://::1:8080",
        "https://[::1",
        "https://[1.2.3.4]",
        "https://[zz]",
        "https://[::1%25lo]",
        "https://256.1.1.1",
        "https://1.2.3",
        "https://01.2.3.4",
        "https://a..b",
        "https://.example.com",
        "https://-a.com",
        "https://a-.com",
        "https://" + "a" * 64 + ".com",
        "https://https://example.com",
    ],
)
def test_what_a_parser_would_mend_is_told_in_one_line(url: str) -> None:
    with pytest.raises(ValueError, match=r"^base_url must be scheme://host\[:port\]") as caught:
        check_base_url(url)
    assert len(str(caught.value).splitlines()) == 1
    assert "pw" not in str(caught.value)


def test_what_is_wrong_with_a_host_or_a_port_is_said() -> None:
    with pytest.raises(ValueError, match=r"; its port must be between 1 and 65535, not 99999$"):
        check_base_url("https://example.com:99999")
    with pytest.raises(ValueError, match=r"; 256\.1\.1\.1 is no IP address$"):
        check_base_url("https://256.1.1.1")
    with pytest.raises(ValueError, match=r"; a\.\.b is no name of a host$"):
        check_base_url("https://a..b")


@pytest.mark.parametrize("url", [b"https://example.com", 5, ["https://example.com"], object()])
def test_a_base_url_is_a_str(url: Any) -> None:
    with pytest.raises(TypeError, match="base_url must be a str, not"):
        check_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://Example.com:443",
        "https://my_service.internal",
        "https://xn--exmple-cua.com.",
        "https://[2001:db8::1]:65535",
        "https://10.0.0.1",
        "http://LOCALHOST:1",
        "http://127.8.8.8",
    ],
)
def test_hosts_of_every_kind_may_be_called(url: str) -> None:
    assert check_base_url(url) == url


@pytest.mark.parametrize(
    ("proxy", "host"),
    [
        ("http://proxy.example.com:3128", "proxy.example.com"),
        ("https://10.0.0.1", "10.0.0.1"),
        ("http://user:p%40ss@[::1]:8080/", "[::1]"),
        ("http://user@proxy", "proxy"),
    ],
)
def test_a_proxy_is_a_url_whose_repr_keeps_the_password(proxy: str, host: str) -> None:
    read, problem = read_proxy(proxy)
    assert (read, problem) == (Proxy(proxy, host), "")
    assert repr(read) == f"<Proxy {host}>"


def test_none_is_no_proxy() -> None:
    assert read_proxy(None) == (None, "")


@pytest.mark.parametrize(
    "proxy",
    [
        "",
        "proxy:3128",
        "socks5://user:secret@proxy",
        "HTTP://user:secret@proxy",
        "http://user:secret@proxy:99999",
        "http://user:secret@256.1.1.1",
        "http://user:secret@proxy/path",
        "http://user:secret@proxy#x",
        "http://user:sec@ret@proxy",
        "http://user:secret@",
        "http://user:sec ret@proxy",
        "http://user:secret\n@proxy",
        b"http://user:secret@proxy",
        5,
    ],
)
def test_anything_else_is_no_proxy_and_its_password_is_not_told(proxy: object) -> None:
    read, problem = read_proxy(proxy)
    assert read is None
    assert problem.startswith("proxy must be http://[user:password@]host[:port]")
    assert len(problem.splitlines()) == 1
    assert "secret" not in problem
    assert "ret@" not in problem


def test_plain_http_does_not_leave_this_machine_through_a_proxy_either() -> None:
    here, there = read_proxy("http://127.0.0.1:3128")[0], read_proxy("http://user:secret@proxy:3128")[0]
    assert check_base_url("http://localhost:8080", here)
    assert check_base_url("https://example.com", there)
    with pytest.raises(ValueError, match="and proxy is not: use https"):
        check_base_url("http://localhost:8080", there)


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1:80", "http://localhost.example.com"])
def test_plain_http_over_a_network_would_give_the_signature_away(url: str) -> None:
    with pytest.raises(ValueError, match="use https"):
        check_base_url(url)


def test_every_region_has_a_standby_domain() -> None:
    for domains in REGIONS.values():
        assert len(set(domains)) == 2
    assert len({domain for domains in REGIONS.values() for domain in domains}) == 2 * len(REGIONS)


def test_after_three_failures_in_a_row_the_other_domain_is_called_for_a_minute() -> None:
    hosts = Hosts("a", "b")
    for failures in range(3):
        assert hosts.current(failures) == "a"
        hosts.unreachable("a", failures)
    assert hosts.current(2.0) == "b"
    assert hosts.current(61.9) == "b"
    assert hosts.current(62.0) == "a"


def test_a_connection_that_was_there_ends_the_row_of_failures() -> None:
    hosts = Hosts("a", "b")
    for _ in range(5):
        hosts.unreachable("a", 0.0)
        hosts.unreachable("a", 0.0)
        hosts.reached()
    assert hosts.current(0.0) == "a"


def test_failures_of_calls_that_began_on_the_other_domain_say_nothing_about_this_one() -> None:
    hosts = Hosts("a", "b")
    for _ in range(128):
        hosts.unreachable("a", 0.0)
    assert hosts.current(1.0) == "b"


def test_if_the_standby_is_down_too_the_first_is_called_again() -> None:
    hosts = Hosts("a", "b")
    for base in ("a", "b"):
        for _ in range(3):
            hosts.unreachable(base, 0.0)
    assert hosts.current(0.0) == "a"


def test_a_single_domain_has_no_standby() -> None:
    hosts = Hosts("a")
    for _ in range(10):
        hosts.unreachable("a", 0.0)
    assert hosts.current(0.0) == "a"
