"""The accounts of the app: ``im_open_login_svc``."""

from __future__ import annotations

from tim_async.service import wire

from .arguments import prepare_new_account
from .base import Endpoint, reading
from .bodies import account_list, user_ids
from .readers import read_checks, read_fail_accounts, read_results
from .values import NewAccount

__all__ = ["ACCOUNTS_CHECK", "ACCOUNTS_DELETE", "ACCOUNTS_IMPORT_MANY"]

ACCOUNTS_DELETE: Endpoint[None, None] = Endpoint(
    group="accounts",
    method="delete",
    path="im_open_login_svc/account_delete",
    page="https://trtc.io/document/34955",
    summary="Delete accounts with all their data, for good.",
    body=user_ids("DeleteItem"),
    decode=reading(wire.DeleteReply, read_results),
    silence_is_ok=False,
    writes=True,
    # The account is gone: after an answer that was lost, that is what the caller wished for.
    done_again=frozenset({70107}),
)

ACCOUNTS_CHECK: Endpoint[None, bool] = Endpoint(
    group="accounts",
    method="check",
    path="im_open_login_svc/account_check",
    page="https://trtc.io/document/34956",
    summary="Check which accounts are imported.",
    gives="bool",
    body=user_ids("CheckItem"),
    decode=reading(wire.DeleteReply, read_checks),
    silence_is_ok=False,
    writes=False,
)

ACCOUNTS_IMPORT_MANY: Endpoint[NewAccount | None, None] = Endpoint(
    group="accounts",
    method="import_many",
    path="im_open_login_svc/multiaccount_import",
    page="https://trtc.io/document/34954",
    summary="Import accounts; those that are there already get the new nickname and portrait, if any.",
    takes="accounts, or account -> {nick, face_url}",
    body=account_list,
    decode=reading(wire.FailAccountsReply, read_fail_accounts),
    silence_is_ok=True,
    writes=True,
    prepare=prepare_new_account,
)
