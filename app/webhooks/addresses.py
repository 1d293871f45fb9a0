"""Which IP addresses belong to the public Internet.

`is_global` of the standard library is not enough: it knows addresses that carry another one in
them only in part, calls multicast global, and differs between versions of Python.
"""

import ipaddress
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address

# Public by the registries, and still nobody's web server: protocol assignments, the 6to4 relay,
# and the address at which Azure shows each machine its metadata.
_NEVER_V4 = tuple(
    map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))
)
_UNICAST = ipaddress.IPv6Network("2000::/3")
# Teredo and other protocol assignments, documentation, 6to4.
_NEVER_V6 = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether an address is of the public Internet, as is the one that it may carry inside.

    Source:
        IANA IPv4 and IPv6 Special-Purpose Address Registries; RFC 6052 for NAT64.
    """
    if isinstance(address, IPv4Address):
        special = address.is_multicast or any(address in network for network in _NEVER_V4)
        return address.is_global and not special
    inner = _carried(address)
    if inner is not None:
        return is_public(inner)
    special = any(address in network for network in _NEVER_V6)
    return address in _UNICAST and address.is_global and not special


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None


def literal(host: str) -> Address | None:
    """The address that a host is, in its one usual spelling; None for a name.

    Args:
        host: As in a URL, without brackets.

    Raises:
        ValueError: It looks like a number and is no address in the usual spelling: resolvers
            take 127.1, 0x7f.1 and 2130706433 for addresses too.
    """
    if ":" in host:
        address = IPv6Address(host)
        if address.scope_id is not None:
            raise ValueError("an address must not name a network interface")
        return address
    last = host.rsplit(".", 1)[-1]
    if last.isdigit() or last.lower().startswith("0x"):
        return IPv4Address(host)
    return None
