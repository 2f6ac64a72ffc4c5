"""What the service remembers: accounts, with all that hangs on them, groups, and push tasks."""

from collections.abc import Callable, Collection
from typing import Any

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
    #: Where it's logged in: ``{"iPhone": "Online", "Web": "PushOnline"}``; None for nowhere.
    platforms: dict[str, str] | None = None
    #: The fields of its profile by tag, but for nickname and face_url.
    profile: dict[str, Any] | None = None


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


class Task(msgspec.Struct):
    """One push."""

    #: What was asked for.
    body: dict[str, Any]
    #: When, Unix seconds.
    time: float
    #: The accounts it was for, if they were named one by one.
    accounts: list[str] = msgspec.field(default_factory=list)
    revoked: bool = False


class Store:
    """The state of one app, in memory.

    Args:
        attribute_names: The declared attributes, at most ten; None accepts any name.
        reimport_after: Seconds for which a deleted UserID cannot be imported again.
        now: The wall clock, Unix seconds.
        status_field: How the reply to query_online_status spells the status: ``Status``, or ``State`` as of old.
        admins: The administrators, who can send messages without being imported.

    Raises:
        ValueError: More than ten attribute names.
    """

    def __init__(
        self,
        *,
        attribute_names: Collection[str] | None,
        reimport_after: float,
        now: Callable[[], float],
        status_field: str = "Status",
        admins: Collection[str] = (),
    ) -> None:
        names = None if attribute_names is None else list(dict.fromkeys(attribute_names))
        if names is not None and len(names) > ATTRIBUTE_SLOTS:
            raise ValueError(f"an app has {ATTRIBUTE_SLOTS} attributes at most, not {len(names)}")
        self._declared_at_start = names
        self._reimport_after = reimport_after
        self.now = now
        self.status_field = status_field
        self.admins = frozenset(admins)
        self.accounts = Accounts()
        self.clear()

    def clear(self) -> None:
        """Forget everything but the attribute names that were declared at the start."""
        self.accounts.clear()
        self._deleted: dict[str, float] = {}
        self._serial = 0
        names = self._declared_at_start
        #: The declared attribute names by slot, "0" to "9"; None accepts any name.
        self.slots = None if names is None else {str(slot): name for slot, name in enumerate(names)}
        #: By slot, whether its attribute is for RegistrationIDs (1) or for UserIDs (0).
        self.slot_types: dict[str, int] = dict.fromkeys(self.slots or {}, 0)
        #: By tag, whether it's for RegistrationIDs; the first account that gets it decides.
        self.tag_registration: dict[str, bool] = {}
        #: By account, its friends with what it says of each of them, by tag.
        self.friends: dict[str, dict[str, dict[str, Any]]] = {}
        #: By account, those it blocks.
        self.blocked: dict[str, set[str]] = {}
        #: By group, its members.
        self.groups: dict[str, set[str]] = {}
        #: By TaskId, the pushes.
        self.tasks: dict[str, Task] = {}

    def user(self, account: str) -> Account | None:
        """The account of a UserID; None for a RegistrationID, or if it isn't imported."""
        known = self.accounts.get(account)
        return None if known is None or known.registration else known

    def declared(self, name: str) -> bool:
        """Whether an attribute of this name may be set."""
        return self.slots is None or name in self.slots.values()

    def for_registrations(self, name: str) -> bool | None:
        """Whether an attribute is for RegistrationIDs; None if it's for any account."""
        for slot, declared in (self.slots or {}).items():
            if declared == name:
                return self.slot_types[slot] == 1
        return None

    def can_import(self, account: str) -> bool:
        """Whether an account may be imported (again)."""
        deleted = self._deleted.get(account)
        return deleted is None or self.now() >= deleted + self._reimport_after

    def delete(self, account: str) -> bool:
        """Forget an account and all that hangs on it.

        Returns:
            Whether it was there.
        """
        if self.user(account) is None:
            return False
        del self.accounts[account]
        self.friends.pop(account, None)
        self.blocked.pop(account, None)
        for members in self.groups.values():
            members.discard(account)
        if self._reimport_after > 0:
            self._deleted[account] = self.now()
        return True

    def new_id(self, prefix: str) -> str:
        """An id that nothing has yet: the prefix and a serial number."""
        self._serial += 1
        return f"{prefix}{self._serial}"
