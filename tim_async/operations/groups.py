"""The groups of operations that a client has: one line for each command."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias

from tim_async.service import endpoints
from tim_async.service.endpoints.values import FRIEND_TAGS, PROFILE_TAGS

from .command import Host
from .naming import bound_name
from .operation import AccountsOperation, PairsOperation
from .options import AddTags, ImportAccounts
from .plain import GetNames, SetNames
from .pushes import Revoke, Send, SendTo

__all__ = ["Accounts", "AllMemberPush", "BlockList", "Friends", "Groups", "PresenceGroup", "Profiles", "Push"]

AddType: TypeAlias = Literal["Add_Type_Both", "Add_Type_Single"]
DeleteType: TypeAlias = Literal["Delete_Type_Single", "Delete_Type_Both"]
FriendCheckType: TypeAlias = Literal["CheckResult_Type_Both", "CheckResult_Type_Single"]
BlockCheckType: TypeAlias = Literal["BlackCheckResult_Type_Both", "BlackCheckResult_Type_Single"]


class Accounts:
    """Accounts of the app: https://trtc.io/document/34953."""

    def __init__(self, host: Host) -> None:
        self.delete = AccountsOperation(host, endpoints.ACCOUNTS_DELETE)
        """Delete accounts with all their data: https://trtc.io/document/34955."""
        self.check = AccountsOperation(host, endpoints.ACCOUNTS_CHECK)
        """Check which accounts are imported: https://trtc.io/document/34956."""
        self.import_many = ImportAccounts(host, endpoints.ACCOUNTS_IMPORT_MANY)
        """Import accounts, with nickname and portrait if you like: https://trtc.io/document/34954."""


class Push:
    """The push service: https://trtc.io/document/60561."""

    def __init__(self, host: Host, identifier: str) -> None:
        self.set_attributes = PairsOperation(host, endpoints.PUSH_SET_ATTRIBUTES)
        """Set attributes, account -> {name: value}: https://trtc.io/document/60565."""
        self.get_attributes = AccountsOperation(host, endpoints.PUSH_GET_ATTRIBUTES)
        """Read attributes: https://trtc.io/document/67817."""
        self.remove_attributes = PairsOperation(host, endpoints.PUSH_REMOVE_ATTRIBUTES)
        """Remove attributes, account -> names: https://trtc.io/document/67819."""
        self.add_tags = AddTags(host)
        """Add tags, account -> tags, or with ``replace=True`` set them: https://trtc.io/document/67821."""
        self.get_tags = AccountsOperation(host, endpoints.PUSH_GET_TAGS)
        """Read tags: https://trtc.io/document/67820."""
        self.remove_tags = PairsOperation(host, endpoints.PUSH_REMOVE_TAGS)
        """Remove tags, account -> tags: https://trtc.io/document/67822."""
        self.clear_tags = AccountsOperation(host, endpoints.PUSH_CLEAR_TAGS)
        """Remove all tags: https://trtc.io/document/67823."""
        self.set_attribute_names = SetNames(host, endpoints.PUSH_SET_ATTRIBUTE_NAMES)
        """Declare the names of attributes: https://trtc.io/document/60563."""
        self.get_attribute_names = GetNames(host, endpoints.PUSH_GET_ATTRIBUTE_NAMES)
        """Read the names of attributes: https://trtc.io/document/67815."""
        self.send = Send(host, identifier)
        """Push one message to all users, or to those that a condition selects: https://trtc.io/document/60561."""
        self.send_to = SendTo(host, identifier)
        """Push one message to a list of accounts: https://trtc.io/document/67553."""
        self.revoke = Revoke(host)
        """Stop a push task: https://trtc.io/document/60571."""


class AllMemberPush:
    """The older push service: https://www.tencentcloud.com/document/product/1047/37166."""

    def __init__(self, host: Host) -> None:
        self.set_attributes = PairsOperation(host, endpoints.ALL_MEMBER_SET_ATTRIBUTES)
        """Set attributes, account -> {name: value}: https://www.tencentcloud.com/document/product/1047/37170."""
        self.get_attributes = AccountsOperation(host, endpoints.ALL_MEMBER_GET_ATTRIBUTES)
        """Read attributes: https://www.tencentcloud.com/document/product/1047/37169."""
        self.remove_attributes = PairsOperation(host, endpoints.ALL_MEMBER_REMOVE_ATTRIBUTES)
        """Remove attributes, account -> names: https://www.tencentcloud.com/document/product/1047/37171."""
        self.add_tags = PairsOperation(host, endpoints.ALL_MEMBER_ADD_TAGS)
        """Add tags, account -> tags: https://www.tencentcloud.com/document/product/1047/37173."""
        self.get_tags = AccountsOperation(host, endpoints.ALL_MEMBER_GET_TAGS)
        """Read tags: https://www.tencentcloud.com/document/product/1047/37172."""
        self.remove_tags = PairsOperation(host, endpoints.ALL_MEMBER_REMOVE_TAGS)
        """Remove tags, account -> tags: https://www.tencentcloud.com/document/product/1047/37174."""
        self.clear_tags = AccountsOperation(host, endpoints.ALL_MEMBER_CLEAR_TAGS)
        """Remove all tags: https://www.tencentcloud.com/document/product/1047/37175."""
        self.set_attribute_names = SetNames(host, endpoints.ALL_MEMBER_SET_ATTRIBUTE_NAMES)
        """Declare the names of attributes: https://www.tencentcloud.com/document/product/1047/37167."""
        self.get_attribute_names = GetNames(host, endpoints.ALL_MEMBER_GET_ATTRIBUTE_NAMES)
        """Read the names of attributes: https://www.tencentcloud.com/document/product/1047/37168."""


class PresenceGroup:
    """Who is online: https://trtc.io/document/35477."""

    def __init__(self, host: Host) -> None:
        self.query = AccountsOperation(host, endpoints.PRESENCE_QUERY)
        """Check which accounts are online: https://trtc.io/document/35477."""


class Profiles:
    """Profiles of accounts: https://trtc.io/document/33520."""

    def __init__(self, host: Host, tags: tuple[str, ...] = PROFILE_TAGS) -> None:
        self._host = host
        self.get = AccountsOperation(host, endpoints.PROFILES_GET, tags=tags)
        """Read profiles: https://trtc.io/document/34917."""

    def select(self, *tags: str) -> Profiles:
        """Operations for these fields of profiles only.

        Args:
            *tags: for example ``Tag_Profile_IM_Nick``, or a field of the app's own, ``Tag_Profile_Custom_...``.

        Raises:
            TypeError: a tag is not a str.
            ValueError: no tag is given, or an empty one.
        """
        if not tags:
            raise ValueError("no tag is given")
        return Profiles(self._host, tuple(bound_name("a tag", tag, None) for tag in tags))


class FriendsOf:
    """The friends of one account: https://trtc.io/document/33521."""

    def __init__(self, host: Host, **shared: Hashable) -> None:
        self.add = PairsOperation(host, endpoints.FRIENDS_ADD, **shared)
        """Add friends, account -> `NewFriend`: https://trtc.io/document/34902."""
        self.import_ = PairsOperation(host, endpoints.FRIENDS_IMPORT, **shared)
        """Import one-way friends, account -> `ImportedFriend`: https://trtc.io/document/34903."""
        self.update = PairsOperation(host, endpoints.FRIENDS_UPDATE, **shared)
        """Change fields of friends, account -> {tag: value}: https://trtc.io/document/34904."""
        self.delete = AccountsOperation(host, endpoints.FRIENDS_DELETE, **shared)
        """Delete friends: https://trtc.io/document/34905."""
        self.check = AccountsOperation(host, endpoints.FRIENDS_CHECK, **shared)
        """Check who is a friend, for example ``CheckResult_Type_BothWay``: https://trtc.io/document/34907."""
        self.get = AccountsOperation(host, endpoints.FRIENDS_GET, **shared)
        """Read what the account has stored about its friends: https://trtc.io/document/34910."""


class Friends:
    """Friends, account by account: https://trtc.io/document/33521."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def of(
        self,
        from_account: str,
        *,
        add_type: AddType = "Add_Type_Both",
        force_add: bool = False,
        delete_type: DeleteType = "Delete_Type_Single",
        check_type: FriendCheckType = "CheckResult_Type_Both",
        tags: Sequence[str] = FRIEND_TAGS,
    ) -> FriendsOf:
        """The operations on the friends of one account. What is left out is the service's default.

        Args:
            from_account: whose friends.
            add_type: whether `FriendsOf.add` makes both sides friends of each other.
            force_add: add them without asking them.
            delete_type: whether `FriendsOf.delete` also removes the account from the other side's list.
            check_type: whether `FriendsOf.check` looks at both lists.
            tags: the fields that `FriendsOf.get` reads.

        Raises:
            TypeError: *from_account* is not a str.
            ValueError: it is empty or longer than 32 bytes.
        """
        return FriendsOf(
            self._host,
            from_account=bound_name("from_account", from_account),
            add_type=add_type,
            force_add=force_add,
            delete_type=delete_type,
            check_type=check_type,
            tags=tuple(bound_name("a tag", tag, None) for tag in tags),
        )


class BlockListOf:
    """The block list of one account: https://trtc.io/document/33521."""

    def __init__(self, host: Host, **shared: Hashable) -> None:
        self.add = AccountsOperation(host, endpoints.BLOCK_LIST_ADD, **shared)
        """Block accounts: https://trtc.io/document/34911."""
        self.delete = AccountsOperation(host, endpoints.BLOCK_LIST_DELETE, **shared)
        """Unblock accounts: https://trtc.io/document/34912."""
        self.check = AccountsOperation(host, endpoints.BLOCK_LIST_CHECK, **shared)
        """Check who is blocked, for example ``BlackCheckResult_Type_AWithB``: https://trtc.io/document/34913."""


class BlockList:
    """Block lists, account by account: https://trtc.io/document/33521."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def of(self, from_account: str, *, check_type: BlockCheckType = "BlackCheckResult_Type_Both") -> BlockListOf:
        """The operations on the block list of one account.

        Args:
            from_account: whose block list.
            check_type: whether `BlockListOf.check` looks at both lists.

        Raises:
            TypeError: *from_account* is not a str.
            ValueError: it is empty or longer than 32 bytes.
        """
        return BlockListOf(self._host, from_account=bound_name("from_account", from_account), check_type=check_type)


class GroupOf:
    """The members of one group: https://trtc.io/document/33529."""

    def __init__(self, host: Host, **shared: Hashable) -> None:
        self.add_members = AccountsOperation(host, endpoints.GROUPS_ADD_MEMBERS, **shared)
        """Add members: https://trtc.io/document/34921."""
        self.remove_members = AccountsOperation(host, endpoints.GROUPS_REMOVE_MEMBERS, **shared)
        """Remove members: https://trtc.io/document/34949."""


class Groups:
    """Members, group by group: https://trtc.io/document/33529."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def of(self, group_id: str, *, silence: bool = False, reason: str | None = None) -> GroupOf:
        """The operations on the members of one group.

        Args:
            group_id: which group.
            silence: do not notify the members.
            reason: why members are removed, for the members to read.

        Raises:
            TypeError: *group_id* or *reason* is not a str.
            ValueError: it is empty.
        """
        if reason is not None:
            bound_name("reason", reason, None)
        group_id = bound_name("group_id", group_id, None)
        return GroupOf(self._host, group_id=group_id, silence=silence, reason=reason)
