"""Friends and the block list of one account: ``sns``. That account is an option of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tim_async.service import wire

from . import bodies
from .arguments import prepare_friend, prepare_imported_friend, prepare_tag_values
from .base import Endpoint, reading
from .readers import read_friends, read_relations, read_rows
from .values import Friend, ImportedFriend, NewFriend

__all__ = [
    "BLOCK_LIST_ADD",
    "BLOCK_LIST_CHECK",
    "BLOCK_LIST_DELETE",
    "FRIENDS_ADD",
    "FRIENDS_CHECK",
    "FRIENDS_DELETE",
    "FRIENDS_GET",
    "FRIENDS_IMPORT",
    "FRIENDS_UPDATE",
]

# The pages allow 1,000 accounts in most of these calls. Larger ones would gain nothing at 200 calls a second, and lose
# more with every answer that is lost; two of the pages advise 100.

# Already a friend, already blocked, no friend to delete, nobody to unblock (https://cloud.tencent.com/document/product/269/32485):
# after an answer that was lost, that is what the caller wished for. Not so for update and get: there it says that
# somebody who should be a friend is none.
_ALREADY = frozenset({30001})

# What is said of one account stands in a row of its own, so a "no" to the whole call is about the parameters that all
# share, or about From_Account. Not among them is 30010, its quota is used up: fewer friends at once may still fit.
_OF_THE_OWNER = frozenset({30001, 30002, 30003, 30009})

FRIENDS_ADD: Endpoint[NewFriend, None] = Endpoint(
    group="friends",
    method="add",
    path="sns/friend_add",
    page="https://trtc.io/document/34902",
    summary="Add friends to an account; a request that waits for the other side's consent is Ok.",
    takes="account -> {add_source, remark, group_name, add_wording}",
    body=bodies.friend_add,
    decode=reading(wire.RowsReply, read_rows),
    silence_is_ok=False,
    writes=True,
    prepare=prepare_friend,
    options=("from_account", "add_type", "force_add"),
    account_code=30001,
    done_again=_ALREADY,
    shared=_OF_THE_OWNER,
    rate=200.0,
)

FRIENDS_IMPORT: Endpoint[ImportedFriend, None] = Endpoint(
    group="friends",
    method="import_",
    path="sns/friend_import",
    page="https://trtc.io/document/34903",
    summary="Import one-way friends of an account.",
    takes="account -> {add_source, remark, remark_time, group_names, add_wording, add_time, custom}",
    body=bodies.friend_import,
    decode=reading(wire.RowsReply, read_rows),
    silence_is_ok=False,
    writes=True,
    prepare=prepare_imported_friend,
    options=("from_account",),
    account_code=30001,
    done_again=_ALREADY,
    shared=_OF_THE_OWNER,
    rate=200.0,
)

FRIENDS_UPDATE: Endpoint[Mapping[str, str | int | Sequence[str]], None] = Endpoint(
    group="friends",
    method="update",
    path="sns/friend_update",
    page="https://trtc.io/document/34904",
    summary="Change what an account has stored about its friends: remark, groups, fields of the app's own.",
    takes="account -> {tag: value}",
    body=bodies.friend_update,
    decode=reading(wire.RowsReply, read_rows),
    silence_is_ok=False,
    writes=True,
    prepare=prepare_tag_values,
    options=("from_account",),
    account_code=30001,
    shared=_OF_THE_OWNER,
    rate=200.0,
)

FRIENDS_DELETE: Endpoint[None, None] = Endpoint(
    group="friends",
    method="delete",
    path="sns/friend_delete",
    page="https://trtc.io/document/34905",
    summary="Delete friends of an account; an account that was no friend is Ok.",
    body=bodies.to_accounts_with("From_Account", "DeleteType"),
    decode=reading(wire.RowsReply, read_rows),
    silence_is_ok=False,
    writes=True,
    options=("from_account", "delete_type"),
    account_code=30001,
    done_again=_ALREADY,
    shared=_OF_THE_OWNER,
    rate=200.0,
)

FRIENDS_CHECK: Endpoint[None, str] = Endpoint(
    group="friends",
    method="check",
    path="sns/friend_check",
    page="https://trtc.io/document/34907",
    summary="Check which accounts are friends of an account.",
    gives="str, for example CheckResult_Type_BothWay",
    body=bodies.to_accounts_with("From_Account", "CheckType"),
    decode=reading(wire.InfoReply, read_relations),
    silence_is_ok=False,
    writes=False,
    options=("from_account", "check_type"),
    account_code=30001,
    shared=_OF_THE_OWNER,
    rate=200.0,
)

FRIENDS_GET: Endpoint[None, Friend] = Endpoint(
    group="friends",
    method="get",
    path="sns/friend_get_list",
    page="https://trtc.io/document/34910",
    summary="Read what an account has stored about its friends.",
    gives="Friend",
    body=bodies.to_accounts_with("From_Account", "TagList"),
    decode=reading(wire.InfoReply, read_friends),
    silence_is_ok=False,
    writes=False,
    options=("from_account", "tags"),
    account_code=30001,
    # And of the fields that are asked for.
    shared=_OF_THE_OWNER | {40007, 40009},
    rate=200.0,
)

BLOCK_LIST_ADD: Endpoint[None, None] = Endpoint(
    group="block_list",
    method="add",
    path="sns/black_list_add",
    page="https://trtc.io/document/34911",
    summary="Add accounts to the block list of an account.",
    body=bodies.to_accounts_with("From_Account"),
    decode=reading(wire.RowsReply, read_rows),
    silence_is_ok=False,
    writes=True,
    options=("from_account",),
    account_code=30001,
    done_again=_ALREADY,
    shared=_OF_THE_OWNER,
    rate=200.0,
)

BLOCK_LIST_DELETE: Endpoint[None, None] = Endpoint(
    group="block_list",
    method="delete",
    path="sns/black_list_delete",
    page="https://trtc.io/document/34912",
    summary="Remove accounts from the block list of an account.",
    body=bodies.to_accounts_with("From_Account"),
    decode=reading(wire.RowsReply, read_rows),
    silence_is_ok=False,
    writes=True,
    options=("from_account",),
    account_code=30001,
    done_again=_ALREADY,
    shared=_OF_THE_OWNER,
    rate=200.0,
)

BLOCK_LIST_CHECK: Endpoint[None, str] = Endpoint(
    group="block_list",
    method="check",
    path="sns/black_list_check",
    page="https://trtc.io/document/34913",
    summary="Check which accounts an account has blocked.",
    gives="str, for example BlackCheckResult_Type_AWithB",
    body=bodies.to_accounts_with("From_Account", "CheckType"),
    decode=reading(wire.BlackListReply, read_relations),
    silence_is_ok=False,
    writes=False,
    options=("from_account", "check_type"),
    account_code=30001,
    shared=_OF_THE_OWNER,
    rate=200.0,
)
