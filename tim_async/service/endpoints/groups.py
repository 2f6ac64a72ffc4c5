"""The members of one group: ``group_open_http_svc``. The group is an option of each row."""

from __future__ import annotations

from tim_async.service import wire

from . import bodies
from .base import Endpoint, reading
from .readers import read_members, read_nothing

__all__ = ["GROUPS_ADD_MEMBERS", "GROUPS_REMOVE_MEMBERS"]

# The group is gone, or its kind, the app's webhook or the rights of the administrator forbid it. Not among them are
# 10014 and 10038, the group is full: fewer at once may still fit.
_OF_THE_GROUP = frozenset({10007, 10010, 10012, 10015, 10016})

GROUPS_ADD_MEMBERS: Endpoint[None, None] = Endpoint(
    group="groups",
    method="add_members",
    path="group_open_http_svc/add_group_member",
    page="https://trtc.io/document/34921",
    summary="Add members to a group; an account that is a member already, or still has to agree, is Ok.",
    body=bodies.member_add,
    decode=reading(wire.MembersReply, read_members),
    silence_is_ok=False,
    writes=True,
    options=("group_id", "silence"),
    account_code=10004,
    shared=_OF_THE_GROUP,
    # The page says 300, the page of limits 100.
    limit=100,
    rate=200.0,
)

GROUPS_REMOVE_MEMBERS: Endpoint[None, None] = Endpoint(
    group="groups",
    method="remove_members",
    path="group_open_http_svc/delete_group_member",
    page="https://trtc.io/document/34949",
    summary="Remove members from a group; an account that was no member is Ok.",
    body=bodies.member_remove,
    decode=reading(wire.Reply, read_nothing),
    silence_is_ok=True,
    writes=True,
    options=("group_id", "silence", "reason"),
    account_code=10004,
    shared=_OF_THE_GROUP,
    # The page says 100, the page of limits 500.
    limit=100,
    rate=200.0,
)
