"""Who is online, and who is who: ``openim`` and ``profile``."""

from __future__ import annotations

from tim_async.service import wire

from . import bodies
from .base import Endpoint, reading
from .readers import read_presence, read_profiles
from .values import Presence, Profile

__all__ = ["PRESENCE_QUERY", "PROFILES_GET"]

PRESENCE_QUERY: Endpoint[None, Presence] = Endpoint(
    group="presence",
    method="query",
    path="openim/query_online_status",
    page="https://trtc.io/document/35477",
    summary="Check which accounts are online, and on which devices.",
    gives="Presence",
    body=bodies.presence,
    decode=reading(wire.PresenceReply, read_presence),
    silence_is_ok=False,
    writes=False,
    account_code=90003,
    limit=500,
    rate=200.0,
)

PROFILES_GET: Endpoint[None, Profile] = Endpoint(
    group="profiles",
    method="get",
    path="profile/portrait_get",
    page="https://trtc.io/document/34917",
    summary="Read the profiles of accounts.",
    gives="Profile",
    body=bodies.to_accounts_with("TagList"),
    decode=reading(wire.ProfilesReply, read_profiles),
    silence_is_ok=False,
    writes=False,
    options=("tags",),
    account_code=40003,
    # Of the fields that are asked for.
    shared=frozenset({40007, 40009}),
    rate=200.0,
)
