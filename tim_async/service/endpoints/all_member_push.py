"""Attributes and tags of the older push service: ``all_member_push``. No page of it names single accounts that failed.

Where the service does so all the same, as its successor does, it is understood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tim_async.service import wire
from tim_async.service.checks import prepare_attributes, prepare_names, prepare_tags

from .base import Endpoint, reading
from .bodies import to_accounts, user_attrs, user_tags
from .push import TAGS_ADDED_MOST, TAGS_MOST
from .readers import read_attrs, read_failures, read_raw_tags, read_tags

__all__ = [
    "ALL_MEMBER_ADD_TAGS",
    "ALL_MEMBER_CLEAR_TAGS",
    "ALL_MEMBER_GET_ATTRIBUTES",
    "ALL_MEMBER_GET_TAGS",
    "ALL_MEMBER_REMOVE_ATTRIBUTES",
    "ALL_MEMBER_REMOVE_TAGS",
    "ALL_MEMBER_SET_ATTRIBUTES",
]

ALL_MEMBER_SET_ATTRIBUTES: Endpoint[Mapping[str, str], None] = Endpoint(
    group="all_member_push",
    method="set_attributes",
    path="all_member_push/im_set_attr",
    page="https://www.tencentcloud.com/document/product/1047/37170",
    summary="Set attributes of accounts.",
    takes="account -> {name: value}",
    body=user_attrs,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_attributes,
    account_code=90001,
)

ALL_MEMBER_GET_ATTRIBUTES: Endpoint[None, dict[str, str]] = Endpoint(
    group="all_member_push",
    method="get_attributes",
    path="all_member_push/im_get_attr",
    page="https://www.tencentcloud.com/document/product/1047/37169",
    summary="Read the attributes of accounts.",
    gives="dict[str, str]",
    body=to_accounts,
    decode=reading(wire.AttrsReply, read_attrs),
    silence_is_ok=False,
    writes=False,
    account_code=90001,
)

ALL_MEMBER_REMOVE_ATTRIBUTES: Endpoint[Sequence[str], None] = Endpoint(
    group="all_member_push",
    method="remove_attributes",
    path="all_member_push/im_remove_attr",
    page="https://www.tencentcloud.com/document/product/1047/37171",
    summary="Remove attributes from accounts.",
    takes="account -> names",
    body=user_attrs,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_names("an attribute name", 90033),
    account_code=90001,
)

ALL_MEMBER_ADD_TAGS: Endpoint[Sequence[str], None] = Endpoint(
    group="all_member_push",
    method="add_tags",
    path="all_member_push/im_add_tag",
    page="https://www.tencentcloud.com/document/product/1047/37173",
    summary="Add tags to accounts.",
    takes="account -> tags",
    body=user_tags,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_tags(TAGS_ADDED_MOST),
    account_code=90001,
)

ALL_MEMBER_GET_TAGS: Endpoint[None, tuple[str, ...]] = Endpoint(
    group="all_member_push",
    method="get_tags",
    path="all_member_push/im_get_tag",
    page="https://www.tencentcloud.com/document/product/1047/37172",
    summary="Read the tags of accounts.",
    gives="tuple[str, ...]",
    body=to_accounts,
    decode=reading(wire.TagsReply, read_tags, (wire.RawTagsReply, read_raw_tags)),
    silence_is_ok=False,
    writes=False,
    account_code=90001,
)

ALL_MEMBER_REMOVE_TAGS: Endpoint[Sequence[str], None] = Endpoint(
    group="all_member_push",
    method="remove_tags",
    path="all_member_push/im_remove_tag",
    page="https://www.tencentcloud.com/document/product/1047/37174",
    summary="Remove tags from accounts.",
    takes="account -> tags",
    body=user_tags,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_tags(TAGS_MOST),
    account_code=90001,
)

ALL_MEMBER_CLEAR_TAGS: Endpoint[None, None] = Endpoint(
    group="all_member_push",
    method="clear_tags",
    path="all_member_push/im_remove_all_tags",
    page="https://www.tencentcloud.com/document/product/1047/37175",
    summary="Remove all tags from accounts.",
    body=to_accounts,
    decode=reading(wire.ErrorListReply, read_failures),
    silence_is_ok=True,
    writes=True,
    account_code=90001,
)
