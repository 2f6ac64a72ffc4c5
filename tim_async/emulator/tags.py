"""Tags of accounts: one store, spoken to by ``timpush`` and by the older ``all_member_push``.

Pages: https://trtc.io/document/67820 to 67823; for the older family
https://www.tencentcloud.com/document/product/1047/37172 to 37175.
"""

from .command import JSON, Command, accounts_in, entries_in
from .refusals import Refusal
from .store import Account, Store
from .twins import twins

LONGEST = 50
"""Bytes of a tag."""

MOST_AT_ONCE = 10
"""Tags that one call adds to an account, without Replace."""

MOST = 100
"""Tags that an account has."""


def _tags(command: Command, _store: Store, value: JSON, _body: JSON) -> list[str]:
    tags = value.get("Tags")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise Refusal(command.family.malformed)
    if any(len(tag.encode()) > LONGEST for tag in tags):
        raise Refusal(90020)
    return tags


def _new_tags(command: Command, store: Store, value: JSON, body: JSON) -> tuple[list[str], bool]:
    replacing = body.get("Replace", 0)
    if replacing not in (0, 1):
        raise Refusal(command.family.malformed)
    tags = _tags(command, store, value, body)
    if len(tags) > (MOST if replacing else MOST_AT_ONCE):
        raise Refusal(90032)
    return tags, bool(replacing)


def _add(store: Store, known: Account, argument: tuple[list[str], bool]) -> tuple[int, None]:
    tags, replacing = argument
    if any(store.tag_registration.get(tag, known.registration) != known.registration for tag in tags):
        return 90035, None
    after = list(dict.fromkeys(tags if replacing else [*known.tags, *tags]))
    if len(after) > MOST:
        return 90032, None
    store.tag_registration.update(dict.fromkeys(tags, known.registration))
    known.tags = after
    return 0, None


def _get(_store: Store, known: Account, _argument: None) -> tuple[int, list[str]]:
    return 0, known.tags


def _remove(_store: Store, known: Account, tags: list[str]) -> tuple[int, None]:
    known.tags = [tag for tag in known.tags if tag not in tags]
    return 0, None


def _clear(_store: Store, known: Account, _argument: None) -> tuple[int, None]:
    known.tags = []
    return 0, None


COMMANDS = [
    *twins("add_tag", read=entries_in("UserTags", "To_Account", _new_tags), apply=_add),
    *twins("get_tag", read=accounts_in("To_Account"), apply=_get, listed=("UserTags", "Tags"), unknown=[]),
    *twins("remove_tag", read=entries_in("UserTags", "To_Account", _tags), apply=_remove),
    *twins("clear_all_tags", read=accounts_in("To_Account"), apply=_clear, old="im_remove_all_tags"),
]
