"""Which URLs may be called: the operator's list, and addresses in disguise."""

from ipaddress import ip_address

import pytest

from app.webhooks.addresses import is_public
from app.webhooks.allow import AllowList, parse_entry
from app.webhooks.errors import InvalidAllowEntry, TargetRefused


def allowing(*entries: str) -> AllowList:
    return AllowList([parse_entry(entry) for entry in entries])


ALLOWED = [
    ("example.com", "https://example.com/hook?x=1", "https://example.com:443/hook?x=1"),
    ("example.com", "https://EXAMPLE.com", "https://example.com:443/"),
    ("example.com:8443", "https://example.com:8443/", "https://example.com:8443/"),
    ("https://example.com", "https://example.com:443/", "https://example.com:443/"),
    ("*.example.com", "https://a.b.example.com/", "https://a.b.example.com:443/"),
    ("*", "https://example.org/", "https://example.org:443/"),
    ("*", "https://8.8.8.8/", "https://8.8.8.8:443/"),
    ("http://example.com", "http://example.com/", "http://example.com:80/"),
    ("http://127.0.0.1:9000", "http://127.0.0.1:9000/x", "http://127.0.0.1:9000/x"),
    ("[2001:4860:4860::8888]", "https://[2001:4860:4860:0::8888]/",
     "https://[2001:4860:4860::8888]:443/"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "url", "called"), ALLOWED)
def test_a_url_on_the_list_is_called_as_it_was_checked(entry: str, url: str, called: str) -> None:
    assert allowing(entry).check(url).url == called


REFUSED = [
    ("example.com", "https://example.org/"),
    ("example.com", "https://example.com.evil.org/"),
    ("example.com", "https://evil-example.com/"),
    ("example.com", "https://sub.example.com/"),
    ("*.example.com", "https://example.com/"),
    ("*.example.com", "https://evilexample.com/"),
    ("example.com", "https://example.com:8443/"),
    ("example.com", "http://example.com/"),
    ("example.com", "http://example.com:443/"),
    ("http://example.com", "https://example.com/"),
    ("example.com", "ftp://example.com/"),
    ("example.com", "//example.com/"),
    ("example.com", "example.com"),
    ("example.com", ""),
    ("example.com", "https://"),
    ("example.com", "https://user@example.com/"),
    ("example.com", "https://user:word@example.com/"),
    ("example.com", "https://example.com@evil.org/"),
    ("example.com", "https://evil.org\\@example.com/"),
    ("example.com", "https://evil.org#@example.com/"),
    ("example.com", "https://example.com/#fragment"),
    ("example.com", "https://example.com /"),
    ("example.com", "https://example.com/\r\nHost: evil.org"),
    ("example.com", "https://example.com\t/"),
    ("example.com", "https://example.com./"),
    ("example.com", "https://example%2ecom/"),
    ("example.com", "https://\u0435xample.com/"),
    ("example.com", "https://example.com:99999/"),
    ("example.com", "https://example.com:port/"),
    ("example.com", "https://example.com/" + "x" * 1_000),
    ("*", "https://127.0.0.1/"),
    ("*", "https://localhost:8000/"),
    ("*", "https://169.254.169.254/latest/meta-data"),
    ("*", "https://[::1]/"),
    ("*", "https://[::ffff:127.0.0.1]/"),
    ("*", "https://[::ffff:7f00:1]/"),
    ("*", "https://[64:ff9b::7f00:1]/"),
    ("*", "https://[fe80::1%25eth0]/"),
    ("*", "https://[fd00:ec2::254]/"),
    ("*", "https://[::]/"),
    ("*", "https://0x7f.1/"),
    ("*", "https://0x7f000001/"),
    ("*", "https://2130706433/"),
    ("*", "https://127.1/"),
    ("*", "https://0177.0.0.1/"),
    ("*", "https://0/"),
    ("http://*", "http://[::ffff:127.0.0.1]/"),
    ("http://127.0.0.1", "http://[::ffff:127.0.0.1]/"),
    ("http://127.0.0.1:9000", "http://127.0.0.1:6379/"),
    ("http://127.0.0.1", "http://127.0.0.2/"),
]


@pytest.mark.parametrize(("entry", "url"), REFUSED)
def test_every_other_url_is_refused(entry: str, url: str) -> None:
    with pytest.raises(TargetRefused) as caught:
        allowing(entry).check(url)

    assert caught.value.limit


def test_a_refusal_names_the_list() -> None:
    with pytest.raises(TargetRefused, match="APP_WEBHOOK_ALLOW") as caught:
        allowing("*.example.com", "http://127.0.0.1:9000").check("https://example.org/")

    assert caught.value.limit == {"allowed": ["*.example.com", "http://127.0.0.1:9000"]}


@pytest.mark.parametrize(
    "entry",
    ["", "https://", "http://example.com/path", "exa mple.com", "example.com:0", "example.com:x",
     "example.com:65536", "ftp://example.com", "a.*.example.com", "user@example.com", "127.1",
     "[::1", "[hello]", "[fe80::1%eth0]", "-example.com", "*example.com"],
)  # fmt: skip
def test_an_entry_that_cannot_be_read_stops_the_start(entry: str) -> None:
    with pytest.raises(InvalidAllowEntry):
        parse_entry(entry)


PUBLIC = ["8.8.8.8", "1.1.1.1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104 - nothing is bound
    "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "192.0.0.1", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_of_machines_and_networks_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))
