"""What the service remembers: accounts, with their attributes and tags."""

from collections.abc import Callable, Collection

import msgspec

ATTRIBUTE_SLOTS = 10
"""Names of attributes that one app can declare (timpush/set_attr_name)."""


class Account(msgspec.Struct, gc=False):
    """One imported account.

    It's kept out of the garbage collector (it refers to nothing that could refer back): a million of them would
    otherwise cost pauses, and a paused judge sees arrivals in clumps that never were.
    """

    nickname: str = ""
    face_url: str = ""
    #: The values of the attributes that are set, by name.
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    #: In the order in which they were added.
    tags: list[str] = msgspec.field(default_factory=list)
    #: A RegistrationID, which only the ``timpush`` commands know, and not a UserID.
    registration: bool = False


class Accounts(dict[str, Account]):
    """The imported accounts by their id; a dict, so tests can look at and change whatever they like."""

    def add(self, *ids: str, registration: bool = False) -> None:
        """Import accounts directly, without a call.

        Args:
            *ids: UserIDs; the ones that are there already stay as they are.
            registration: The ids are RegistrationIDs.
        """
        for account in ids:
            if account not in self:
                self[account] = Account(registration=registration)


class Store:
    """The state of one app, in memory.

    Args:
        attribute_names: The declared attributes, at most ten; None accepts any name.
        reimport_after: Seconds for which a deleted UserID cannot be imported again.
        now: The wall clock, seconds.

    Raises:
        ValueError: More than ten attribute names.
    """

    def __init__(
        self, *, attribute_names: Collection[str] | None, reimport_after: float, now: Callable[[], float]
    ) -> None:
        names = None if attribute_names is None else list(dict.fromkeys(attribute_names))
        if names is not None and len(names) > ATTRIBUTE_SLOTS:
            raise ValueError(f"an app has {ATTRIBUTE_SLOTS} attributes at most, not {len(names)}")
        self._declared_at_start = names
        self._reimport_after = reimport_after
        self._now = now
        self.accounts = Accounts()
        self.clear()

    def clear(self) -> None:
        """Forget everything but the attribute names that were declared at the start."""
        self.accounts.clear()
        self._deleted: dict[str, float] = {}
        names = self._declared_at_start
        #: The declared attribute names by slot, "0" to "9"; None accepts any name.
        self.slots = None if names is None else {str(slot): name for slot, name in enumerate(names)}

    def declared(self, name: str) -> bool:
        """Whether an attribute of this name may be set."""
        return self.slots is None or name in self.slots.values()

    def can_import(self, account: str) -> bool:
        """Whether an account may be imported (again)."""
        deleted = self._deleted.get(account)
        return deleted is None or self._now() >= deleted + self._reimport_after

    def delete(self, account: str) -> bool:
        """Forget an account.

        Returns:
            Whether it was there.
        """
        if self.accounts.pop(account, None) is None:
            return False
        if self._reimport_after > 0:
            self._deleted[account] = self._now()
        return True
