"""Tags of accounts: one store, spoken to by ``timpush`` and by the older ``all_member_push``."""

from .attributes import FAMILY
from .command import Command, accounts_in
from .replies import errors_listed
from .store import Store


def _get(store: Store, account: str, _argument: None) -> tuple[int, list[str]]:
    known = store.accounts.get(account)
    return (70107, []) if known is None else (0, known.tags)


COMMANDS = [
    Command(
        path="timpush/get_tag",
        family=FAMILY,
        read=accounts_in("To_Account"),
        apply=_get,
        write=errors_listed("UserTags", "Tags"),
    ),
]
