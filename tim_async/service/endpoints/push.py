"""Attributes and tags of the push service: ``timpush``.

A RegistrationID may stand for an account in all of these; it is longer than a UserID.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tim_async.service import wire
from tim_async.service.checks import prepare_attributes, prepare_names, prepare_tags

from .base import Endpoint, reading
from .bodies import push_batch, to_accounts, user_attrs, user_tags, user_tags_replacing
from .readers import read_attrs, read_failures, read_raw_tags, read_tags, read_task

__all__ = [
    "PUSH_ADD_TAGS",
    "PUSH_CLEAR_TAGS",
    "PUSH_GET_ATTRIBUTES",
    "PUSH_GET_TAGS",
    "PUSH_REMOVE_ATTRIBUTES",
    "PUSH_REMOVE_TAGS",
    "PUSH_SEND_TO",
    "PUSH_SET_ATTRIBUTES",
    "TAGS_ADDED_MOST",
    "TAGS_MOST",
]

# The message, its sender, and what it was asked with; 90057 means DataId here. Not among them is 93000, the whole body
# is too long: fewer accounts may still fit.
_OF_THE_MESSAGE = frozenset(
    {
        *(20006, 80001, 80002, 80004),
        *(90001, 90002, 90004, 90005, 90006, 90007, 90008, 90010),
        *(90026, 90030, 90031, 90043, 90044, 90055, 90056, 90057),
    }
)

TAGS_MOST = 100
"""Tags that an account may have."""
TAGS_ADDED_MOST = 10
"""Tags that one call may add to one account."""

PUSH_SET_ATTRIBUTES: Endpoint[Mapping[str, str], None] = Endpoint(
    group="push",
    method="set_attributes",
    path="timpush/set_attr",
    page="https://trtc.io/document/60565",
    summary="Set attributes of accounts.",
    takes="account -> {name: value}",
    body=user_attrs,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_attributes,
    account_bytes=None,
    account_code=90001,
)

PUSH_GET_ATTRIBUTES: Endpoint[None, dict[str, str]] = Endpoint(
    group="push",
    method="get_attributes",
    path="timpush/get_attr",
    page="https://trtc.io/document/67817",
    summary="Read the attributes of accounts.",
    gives="dict[str, str]",
    body=to_accounts,
    decode=reading(wire.AttrsReply, read_attrs),
    silence_is_ok=False,
    writes=False,
    account_bytes=None,
    account_code=90001,
)

PUSH_REMOVE_ATTRIBUTES: Endpoint[Sequence[str], None] = Endpoint(
    group="push",
    method="remove_attributes",
    path="timpush/remove_attr",
    page="https://trtc.io/document/67819",
    summary="Remove attributes from accounts.",
    takes="account -> names",
    body=user_attrs,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_names("an attribute name", 90033),
    account_bytes=None,
    account_code=90001,
)

PUSH_ADD_TAGS: Endpoint[Sequence[str], None] = Endpoint(
    group="push",
    method="add_tags",
    path="timpush/add_tag",
    page="https://trtc.io/document/67821",
    summary="Add tags to accounts, or replace all that they have.",
    takes="account -> tags",
    body=user_tags_replacing,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_tags(TAGS_ADDED_MOST),
    options=("replace",),
    account_bytes=None,
    account_code=90001,
)

PUSH_GET_TAGS: Endpoint[None, tuple[str, ...]] = Endpoint(
    group="push",
    method="get_tags",
    path="timpush/get_tag",
    page="https://trtc.io/document/67820",
    summary="Read the tags of accounts.",
    gives="tuple[str, ...]",
    body=to_accounts,
    decode=reading(wire.TagsReply, read_tags, (wire.RawTagsReply, read_raw_tags)),
    silence_is_ok=False,
    writes=False,
    account_bytes=None,
    account_code=90001,
)

PUSH_REMOVE_TAGS: Endpoint[Sequence[str], None] = Endpoint(
    group="push",
    method="remove_tags",
    path="timpush/remove_tag",
    page="https://trtc.io/document/67822",
    summary="Remove tags from accounts.",
    takes="account -> tags",
    body=user_tags,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_tags(TAGS_MOST),
    account_bytes=None,
    account_code=90001,
)

PUSH_CLEAR_TAGS: Endpoint[None, None] = Endpoint(
    group="push",
    method="clear_tags",
    path="timpush/clear_all_tags",
    page="https://trtc.io/document/67823",
    summary="Remove all tags from accounts.",
    body=to_accounts,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    account_bytes=None,
    account_code=90001,
)

PUSH_SEND_TO: Endpoint[None, str] = Endpoint(
    group="push",
    method="send_to",
    path="timpush/batch",
    page="https://trtc.io/document/67553",
    summary="Push one message to a list of accounts.",
    gives="str, the id of the push task",
    body=push_batch,
    decode=reading(wire.TaskReply, read_task),
    silence_is_ok=False,
    writes=True,
    options=("from_account", "msg_random", "offline_push_info", "data_id"),
    account_bytes=None,
    account_code=90001,
    shared=_OF_THE_MESSAGE,
    # A lost answer says nothing about who has the message already, and nobody wants it twice.
    repeatable=False,
    # The newest table counts the accounts that are pushed to: 500 a second on the standard plan.
    counts_items=True,
    limit=500,
    rate=500.0,
)
