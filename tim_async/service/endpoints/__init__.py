"""The table: one frozen row per command. What varies between commands stands here, and only here.

A reader turns a decoded reply into two mappings keyed by account: the values of those that are fine, and the codes of
those that are not. Judging what a code means is not the table's business.
"""

from .accounts import ACCOUNTS_CHECK, ACCOUNTS_DELETE, ACCOUNTS_IMPORT_MANY
from .all_member_push import (
    ALL_MEMBER_ADD_TAGS,
    ALL_MEMBER_CLEAR_TAGS,
    ALL_MEMBER_GET_ATTRIBUTES,
    ALL_MEMBER_GET_TAGS,
    ALL_MEMBER_REMOVE_ATTRIBUTES,
    ALL_MEMBER_REMOVE_TAGS,
    ALL_MEMBER_SET_ATTRIBUTES,
)
from .base import Answer, Endpoint, Unreadable, reading
from .groups import GROUPS_ADD_MEMBERS, GROUPS_REMOVE_MEMBERS
from .people import PRESENCE_QUERY, PROFILES_GET
from .plain import (
    ALL_MEMBER_GET_ATTRIBUTE_NAMES,
    ALL_MEMBER_SET_ATTRIBUTE_NAMES,
    PUSH_GET_ATTRIBUTE_NAMES,
    PUSH_REVOKE,
    PUSH_SEND,
    PUSH_SET_ATTRIBUTE_NAMES,
)
from .push import (
    PUSH_ADD_TAGS,
    PUSH_CLEAR_TAGS,
    PUSH_GET_ATTRIBUTES,
    PUSH_GET_TAGS,
    PUSH_REMOVE_ATTRIBUTES,
    PUSH_REMOVE_TAGS,
    PUSH_SEND_TO,
    PUSH_SET_ATTRIBUTES,
)
from .sns import (
    BLOCK_LIST_ADD,
    BLOCK_LIST_CHECK,
    BLOCK_LIST_DELETE,
    FRIENDS_ADD,
    FRIENDS_CHECK,
    FRIENDS_DELETE,
    FRIENDS_GET,
    FRIENDS_IMPORT,
    FRIENDS_UPDATE,
)
from .table import ENDPOINTS, any_command

__all__ = [
    "ACCOUNTS_CHECK",
    "ACCOUNTS_DELETE",
    "ACCOUNTS_IMPORT_MANY",
    "ALL_MEMBER_ADD_TAGS",
    "ALL_MEMBER_CLEAR_TAGS",
    "ALL_MEMBER_GET_ATTRIBUTES",
    "ALL_MEMBER_GET_ATTRIBUTE_NAMES",
    "ALL_MEMBER_GET_TAGS",
    "ALL_MEMBER_REMOVE_ATTRIBUTES",
    "ALL_MEMBER_REMOVE_TAGS",
    "ALL_MEMBER_SET_ATTRIBUTES",
    "ALL_MEMBER_SET_ATTRIBUTE_NAMES",
    "BLOCK_LIST_ADD",
    "BLOCK_LIST_CHECK",
    "BLOCK_LIST_DELETE",
    "ENDPOINTS",
    "FRIENDS_ADD",
    "FRIENDS_CHECK",
    "FRIENDS_DELETE",
    "FRIENDS_GET",
    "FRIENDS_IMPORT",
    "FRIENDS_UPDATE",
    "GROUPS_ADD_MEMBERS",
    "GROUPS_REMOVE_MEMBERS",
    "PRESENCE_QUERY",
    "PROFILES_GET",
    "PUSH_ADD_TAGS",
    "PUSH_CLEAR_TAGS",
    "PUSH_GET_ATTRIBUTES",
    "PUSH_GET_ATTRIBUTE_NAMES",
    "PUSH_GET_TAGS",
    "PUSH_REMOVE_ATTRIBUTES",
    "PUSH_REMOVE_TAGS",
    "PUSH_REVOKE",
    "PUSH_SEND",
    "PUSH_SEND_TO",
    "PUSH_SET_ATTRIBUTES",
    "PUSH_SET_ATTRIBUTE_NAMES",
    "Answer",
    "Endpoint",
    "Unreadable",
    "any_command",
    "reading",
]
