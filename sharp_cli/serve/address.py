"""Where a service is reached: the address of this machine where it listens on all of its addresses."""

from __future__ import annotations

import ipaddress
import socket

ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses of no machine (RFC 5737, RFC 3849), which only stand for the network outside."""


def address_of(listener: socket.socket, host: str) -> str:
    """The address that other programs can use: ``http://192.168.1.5:8000/``.

    Args:
        listener: listens.
        host: as it was asked for. If it means all addresses of this machine, the one by which the network outside
            is reached stands for them, or else this machine's name.
    """
    place, port = listener.getsockname()[:2]
    if ipaddress.ip_address(place.partition("%")[0]).is_unspecified:
        families = _families(listener)
        host = next(filter(None, map(own_address, families)), None) or socket.gethostname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def own_address(family: socket.AddressFamily) -> str | None:
    """This machine's address toward the network outside, if it has one. Sends nothing."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((ELSEWHERE[family], 9))
            address = ipaddress.ip_address(probe.getsockname()[0])
    except (OSError, ValueError):
        return None
    return None if address.is_loopback or address.is_unspecified else str(address)


def _families(listener: socket.socket) -> list[socket.AddressFamily]:
    """The families that reach a listener; most networks know addresses of IPv4, so it comes first."""
    if listener.family == socket.AF_INET:
        return [socket.AF_INET]
    both = not listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    return [socket.AF_INET, socket.AF_INET6] if both else [socket.AF_INET6]
