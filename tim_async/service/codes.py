"""The error codes of the service: what each means, whose fault it is, and what to do about it.

The judge asks `code(number)` and follows its `action`; people read its `meaning`. Page of the service:
https://trtc.io/document/34348 (and https://trtc.io/document/74196 for the push families). Where its advice and our
verdict differ, `why` says so. The rows are sorted by number, so that a number from a log is found at once.
"""

import enum
from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType

import msgspec

__all__ = ["CODES", "Action", "Code", "Fault", "code", "is_known"]


class Fault(enum.Enum):
    """Who has to change something before the same call can succeed."""

    CALLER = "caller"  # the request: its words, its form, its size
    CREDENTIALS = "credentials"  # the secret key, the usersig, the admin account, the app's id or region
    APP = "app"  # the app's plan, quota, switches in the console, its own webhook
    ACCOUNT = "account"  # the account (or group, or conversation) that an item names
    SERVICE = "service"  # nobody on this side
    RATE = "rate"  # too much at once


class Action(enum.Enum):
    """What the library does next."""

    DONE = "done"
    """The item is already as wished: a success."""
    RETRY = "retry"
    """The same again, later; it costs an attempt."""
    RESIGN = "resign"
    """Sign anew, once, then the same again."""
    PAUSE = "pause"
    """The lane waits (with `Code.wide`, all lanes), then the same again; it costs no attempt."""
    SPLIT = "split"
    """Final for one item. For a whole call one item may have caused it: halve the chunk until the guilty are found."""
    STOP = "stop"
    """Every further call of the command (with `Code.wide`, of the app) is pointless until somebody acts."""


class Code(msgspec.Struct, frozen=True):
    """One error code with its verdict.

    Attributes:
        number: as in `ErrorCode` or `ResultCode` of an answer. 0 is success and has no row.
        meaning: one line in our own words.
        fault: who has to act.
        action: what the library does next.
        unsure: the command may have been applied all the same, so a repeat may meet its own first effect.
        wide: it concerns every command of the app, not only the one that was answered so.
        wait: seconds that at least must pass before another try.
        why: the reason for a verdict that needs one; empty for most.
        by_name: it follows from the names in an item's argument alone, so whoever says the same is guilty of the same.
    """

    number: int
    meaning: str
    fault: Fault
    action: Action
    unsure: bool = False
    wide: bool = False
    wait: float = 0.0
    why: str = ""
    by_name: bool = False


# The usual verdicts by name, so that each row below reads as a sentence.
_account = partial(Code, fault=Fault.ACCOUNT, action=Action.SPLIT)
_words = partial(Code, fault=Fault.CALLER, action=Action.SPLIT)
_call = partial(Code, fault=Fault.CALLER, action=Action.STOP)
_key = partial(Code, fault=Fault.CREDENTIALS, action=Action.STOP, wide=True)
_stale = partial(Code, fault=Fault.CREDENTIALS, action=Action.RESIGN, wide=True)
_app = partial(Code, fault=Fault.APP, action=Action.STOP)
_rate = partial(Code, fault=Fault.RATE, action=Action.PAUSE)
_done = partial(Code, fault=Fault.ACCOUNT, action=Action.DONE)
# An internal error is as unsure as a timeout: nobody says at which step of the command it happened.
_busy = partial(Code, fault=Fault.SERVICE, action=Action.RETRY, unsure=True)
# A filter on one account must not pause everybody's lane, and it must end: so it costs attempts.
_often = partial(Code, fault=Fault.RATE, action=Action.RETRY, why="the frequency of one account: others go on")
_READ_FIRST = "repeating cannot help: it must be read again first"
_full = partial(
    Code,
    fault=Fault.ACCOUNT,
    action=Action.SPLIT,
    why="the quota of one account or group, not of the app: others go on",
)

_ROWS = (
    # 10xxx groups
    _key(10001, "group service: the signature is not accepted, or the caller is not logged in"),
    _busy(10002, "group service: internal error"),
    _call(10003, "group service: unknown command"),
    _words(10004, "group service: invalid parameter"),
    _words(10005, "group service: too many accounts in one request"),
    _rate(10006, "group service: operations too frequent"),
    _words(
        10007,
        "this type of group, or the caller's role in it, does not allow the operation",
        why="it follows from the group named in the call; calls about other groups may go on",
    ),
    _app(10008, "group service: the app's plan does not include this, or the request is illegal"),
    _account(10009, "the owner may not leave the group"),
    _account(10010, "the group does not exist, or was dismissed"),
    _call(10011, "group service: the request body is no valid JSON"),
    _words(10012, "the account that acts is invalid"),
    _done(10013, "a member of the group already"),
    _full(10014, "the group is full"),
    _account(10015, "invalid group id (some pages: body is no JSON; newest: the group is gone)"),
    _words(10016, "the app's own backend refused through a webhook", fault=Fault.APP),
    _account(10017, "the sender is muted in the group"),
    _words(10018, "the reply would be larger than 1 MB"),
    _account(10019, "an account in the request does not exist"),
    _account(10020, "group service: the account or the group does not allow this"),
    _words(10021, "the group id is taken"),
    _rate(10023, "more than 40 messages per second in one group"),
    _account(10024, "the invitation or application is handled already"),
    _account(10025, "the group id is taken, by a group of the same owner: it can be used"),
    _app(10026, "the command is disabled for this app"),
    _account(10030, "the message to recall does not exist"),
    _words(10031, "too late to recall the message: two minutes by default"),
    _account(10032, "this message cannot be recalled"),
    _account(10033, "this type of group does not allow recalling"),
    _account(10034, "this type of message cannot be deleted"),
    _account(10035, "this type of group does not allow deleting messages"),
    _app(10036, "the app's quota of audio-video groups is used up"),
    _full(10037, "the account may not create or join more groups"),
    _full(10038, "the group has as many members as the app's plan allows"),
    _app(10041, "the app does not allow recalling group messages"),
    _account(10044, "this type of group keeps no messages to read again"),
    _words(10045, "group attribute: name longer than 32 bytes"),
    _words(10046, "group attribute: value longer than 4,000 bytes"),
    _words(10047, "group attributes: more than 16"),
    _words(10048, "group attributes: more than 16,000 bytes in all"),
    _rate(10049, "more than 5 attribute writes per second in one group"),
    _words(10050, "this group attribute does not exist"),
    _words(10051, "the deletion reaches further than is allowed"),
    _account(10052, "the group has no such messages"),
    _words(10053, "more than 30 accounts mentioned in one message"),
    _words(10054, "the group has too many members: read them page by page"),
    _words(10056, "the group attributes have changed meanwhile", why=_READ_FIRST),
    _app(10058, "the trial plan's quota of 100 groups is used up"),
    _app(10059, "the app's plan does not include this feature"),
    _account(10060, "this group does not offer the feature, or it is not switched on"),
    _account(10061, "this group does not offer the feature, or it is not switched on"),
    _account(10062, "this group does not offer the feature, or it is not switched on"),
    _account(10063, "this group does not offer the feature, or it is not switched on"),
    _app(11000, "community groups are not switched on, or not part of the app's plan"),
    # 20xxx to 23xxx messages
    _words(20001, "invalid request packet"),
    _stale(20002, "the usersig (or the ticket made from it) is invalid or expired"),
    _account(20003, "sender or recipient is invalid or unknown"),
    _busy(20004, "network trouble inside the service"),
    _busy(20005, "internal error"),
    _words(20006, "the app's own backend refused through a webhook", fault=Fault.APP),
    _account(20007, "the sender is on the recipient's block list"),
    _account(20008, "sender and recipient belong to different apps"),
    _account(20009, "sender and recipient are not friends, as the app demands"),
    _account(20010, "the recipient is no friend of the sender, as the app demands"),
    _account(20011, "the sender is no friend of the recipient, as the app demands"),
    _account(20012, "the sender is muted"),
    _words(20016, "too late to recall the message: two minutes by default"),
    _busy(20018, "internal error while deleting kept messages"),
    _account(20022, "the message to recall does not exist"),
    _account(20023, "the message is recalled already"),
    _words(20027, "the message has another version by now", why=_READ_FIRST),
    _busy(20028, "somebody else changed the same thing at the same time", unsure=False),
    _words(21005, "a device token was set before the login"),
    _app(22001, "no certificate for offline pushes is uploaded"),
    _busy(22002, "network trouble"),
    _words(22003, "the device token is empty"),
    _words(22004, "the device token is longer than 256 bytes"),
    _words(22005, "the login data are longer than 1,024 bytes"),
    _rate(22006, "too many requests"),
    _words(23001, "the extension of the message has changed meanwhile", why=_READ_FIRST),
    _words(23002, "message extension: too many entries"),
    _often(23003, "more than 200 writes a minute for one message"),
    _words(23004, "message reactions: too many, or not allowed for this message"),
    # 30xxx to 32xxx relations
    # 30001 is also said of what is already so; black_list_add can override it as done for "already blocked".
    _account(30001, "relation service: illegal parameters; also: already a friend, already blocked"),
    _account(30002, "the account is illegal (older pages: it belongs to another app)"),
    _account(30003, "the account is not imported"),
    _key(30004, "relation service: needs the rights of an app admin"),
    _words(30005, "a relation field holds a word that is not allowed"),
    _busy(30006, "relation service: internal error"),
    _busy(30007, "relation service: timeout"),
    _busy(30008, "two writes for one account met; batches conflict less than parallel single calls"),
    _account(30009, "the account may not send friend requests"),
    _full(30010, "the account's friend quota is used up"),
    _full(30011, "the account's quota of friend lists is used up"),
    _full(30012, "the account's quota of pending requests is used up"),
    _full(30013, "the account's block list is full"),
    _full(30014, "the other side's friend quota is used up"),
    _account(30515, "the target is on the account's own block list"),
    _account(30516, "the target refuses all friend requests"),
    _account(30525, "the account is on the target's block list"),
    # Asking is all that friend_add can do here: whether the other side agrees is not the caller's to wait for.
    _done(30539, "the friend request is made and waits for the other side"),
    _often(30540, "friend request filtered: too frequent"),
    _account(30614, "there is no such pending request"),
    _done(31704, "not a friend: nothing to delete"),
    _often(31707, "friend deletion filtered: too frequent"),
    _account(31804, "the account does not exist"),
    _account(32216, "not a friend, so it cannot be put into a friend list"),
    # 40xxx profiles
    _words(40001, "profile service: illegal parameters"),
    _words(40002, "profile service: no account given"),
    _account(40003, "profile service: the account is not imported"),
    _key(40004, "profile service: needs the rights of an app admin"),
    _words(40005, "a profile field holds a word that is not allowed"),
    _busy(40006, "profile service: internal error"),
    _words(40007, "no permission to read this profile field", fault=Fault.APP, why="other fields may be read"),
    _words(
        40008,
        "no permission to write this profile field",
        fault=Fault.APP,
        why="other fields may be written",
        by_name=True,
    ),
    _words(40009, "unknown profile field", by_name=True),
    _words(40601, "profile value longer than 500 bytes"),
    _words(40605, "illegal value for a standard profile field"),
    _words(40610, "profile value of the wrong type"),
    # 50xxx and 51xxx conversations
    _account(50001, "recent contacts: the account is not imported"),
    _words(50002, "recent contacts: illegal parameters"),
    _key(50003, "recent contacts: needs the rights of an app admin"),
    _busy(50004, "recent contacts: internal error"),
    _busy(50005, "recent contacts: timeout"),
    _words(51006, "no conversation given, or more than 100"),
    _account(
        51007, "the check of a group conversation failed", why="undocumented whether it passes: final, not a loop"
    ),
    _full(51008, "the quota of grouped conversations is used up"),
    _account(51009, "unknown conversation group"),
    _full(51010, "the quota of conversation groups is used up"),
    _words(51011, "conversation group name longer than 32 bytes"),
    _full(51012, "the quota of pinned conversations is used up"),
    _app(51013, "the app's plan includes no conversation marks or groups"),
    # 60xxx the gateway
    _call(60002, "the request URL could not be parsed"),
    _call(60003, "the request body is no valid JSON"),
    _stale(60004, "account or signature not accepted in URL or body (newest: the check itself failed)"),
    _stale(60005, "account or signature not accepted in URL or body (newest: the check itself failed)"),
    _key(60006, "invalid SDKAppID"),
    _rate(60007, "too many calls of this command per second: slow down, or raise the quota in the console"),
    _busy(60008, "the service timed out (or the HTTP request was malformed)"),
    _call(60009, "unknown service or command in the URL path"),
    _key(60010, "the identifier is no admin of the app"),
    _rate(60011, "too many calls of the whole app per second", wide=True),
    _call(60012, "sdkappid is missing in the URL", wide=True),
    _busy(60013, "the gateway could not read the backend's reply", why="the backend did reply, so it may be applied"),
    _busy(60014, "the check of the account timed out"),
    _words(60015, "an account in the body is no string"),
    _app(60016, "the app is disabled", wide=True),
    _app(60017, "the request is disabled"),
    _rate(60018, "too many requests"),
    _rate(60019, "too many requests"),
    _app(60020, "the plan has expired, or the owner is in arrears; a new plan takes some minutes", wide=True),
    _app(60021, "this source IP address is not allowed", wide=True),
    _call(60025, "sdkappid, identifier, usersig or contenttype in the URL is wrong", wide=True),
    _key(60026, "the domain does not belong to the app's region"),
    _app(60027, "the app's product type does not include this command"),
    _app(60028, "trial plan: the call volume of the last 24 hours is used up", wide=True),
    # 70xxx accounts and signatures; many come from the login service before REST and are rarely seen today
    _stale(70001, "the usersig has expired"),
    _key(70002, "the usersig is empty"),
    _key(70003, "the usersig is illegal, for example cut off"),
    _key(70004, "the usersig failed its check, possibly cut off"),
    _key(70005, "the usersig is illegal"),
    _key(70006, "the usersig failed its check"),
    _key(70007, "the usersig failed its check"),
    _key(70008, "the usersig failed its check"),
    _key(70009, "the usersig failed its check: is the secret key that of another app?"),
    _key(70010, "the usersig failed its check"),
    _key(70013, "the identifier in the URL is not the one in the usersig"),
    _key(70014, "the sdkappid in the URL is not the one in the usersig"),
    _key(70015, "no way of checking for this app and account type"),
    _key(70016, "no key found for this app; also: wrong region"),
    _busy(70017, "the check of a third-party ticket timed out"),
    _key(70018, "the check of a third-party ticket failed", why="the ticket is not ours: signing anew cannot help"),
    _key(70019, "the ticket is empty"),
    _key(70020, "SDKAppID not found; also: wrong region"),
    _key(70032, "the usersig is not accepted: is it made up?"),
    _key(70050, "too many failed signature checks: locked for a while, and every further call prolongs it", wait=60.0),
    _key(70051, "the admin account is blocked"),
    _stale(70052, "the usersig is no longer valid"),
    _stale(70101, "the ticket has expired at login"),
    _words(70102, "wrong account type"),
    _words(70103, "wrong format of a phone number"),
    _words(70104, "wrong format of a mail address"),
    _words(70105, "wrong format of an account"),
    _words(70106, "illegal type of account format"),
    _account(70107, "the account does not exist"),
    _words(70113, "this number of items in one request is not allowed"),
    _rate(70114, "login restricted for security: too frequent", wide=True),
    _key(70115, "the signer is no developer of the app"),
    _key(70140, "app and account type do not match"),
    _words(70145, "wrong account type"),
    _busy(70169, "timeout inside the service"),
    _busy(70201, "internal error"),
    _busy(70202, "timeout inside the service"),
    _busy(70203, "internal error"),
    _key(70204, "the app has no account type"),
    _busy(70205, "lookup of the account type failed"),
    _words(70206, "this number of items in one request is not allowed"),
    _busy(70207, "internal error"),
    _busy(70208, "internal error"),
    _busy(70209, "lookup of the developer flag failed", why="a failed lookup like 70205, which may pass"),
    _key(70210, "the signer is no developer"),
    _key(70211, "the signer is illegal"),
    _busy(70212, "internal error"),
    _busy(70213, "internal data access failed"),
    _stale(
        70214,
        "the internal check of the ticket failed",
        why="undocumented whether the ticket is stale: try a fresh one",
    ),
    _stale(70221, "the login state is invalid"),
    _busy(70222, "internal error"),
    _busy(70225, "internal error"),
    _busy(70231, "internal error"),
    _key(70236, "the user's signature failed its check"),
    _busy(70308, "internal error"),
    _key(70346, "the ticket failed its check"),
    _stale(70347, "the ticket failed its check because it has expired"),
    _busy(70348, "internal error"),
    _busy(70362, "timeout inside the service"),
    _app(70398, "the app's account quota is used up (100 on trial)"),
    _account(70399, "a deleted account cannot be imported again for three months"),
    _busy(70401, "internal error"),
    _words(70402, "illegal parameters: a required field is missing, or a value breaks the rules"),
    _key(70403, "needs the rights of an app admin"),
    _call(70404, "the client SDK is too old"),
    _busy(70500, "internal error"),
    # 71xxx and 72xxx what the plan includes
    _app(71000, "this app may not delete accounts: the plan forbids it, or the console does not allow it yet"),
    _app(72000, "daily active users above the free quota"),
    _app(72001, "the user status feature is not switched on"),
    _app(72002, "monthly active users above the free quota"),
    _often(72010, "login-type requests of one user too frequent"),
    _app(72011, "the do-not-disturb feature is not switched on"),
    _app(72012, "profile subscription is not switched on"),
    # 80xxx content
    _words(80001, "the text hit the content filter"),
    _words(80002, "message body longer than 12 KB"),
    _busy(80003, "the app's webhook before sending failed or timed out", fault=Fault.APP, why="the app may recover"),
    _words(80004, "the image hit the content filter"),
    _app(80005, "service stopped: plan or arrears", wide=True),
    # 90xxx messages and pushes
    _words(90001, "the body could not be parsed (also: invalid MsgRandom; an empty list)"),
    _words(90002, "MsgBody is malformed"),
    _words(90003, "To_Account is missing, of the wrong type, or unknown"),
    _words(90004, "invalid MsgSeq"),
    _words(90005, "MsgRandom is missing or no integer"),
    _words(90006, "MsgTimeStamp is missing or no integer"),
    _words(90007, "MsgBody is no array"),
    _words(90008, "From_Account is missing or unknown"),
    _key(90009, "needs the rights of an app admin"),
    _words(90010, "wrong message format"),
    _words(90011, "more than 500 accounts in one request"),
    _account(90012, "To_Account is not registered"),
    _words(90018, "too many accounts in one request"),
    _words(90020, "tag longer than 50 bytes"),
    _words(90022, "the same tag in TagsOr and TagsAnd"),
    _rate(90024, "two pushes less than a second apart", wait=1.0),
    _words(90026, "offline storage longer than 7 days"),
    _words(90028, "To_Account is no array"),
    _words(90029, "To_Account is empty"),
    _words(90030, "attribute empty or longer than 50 bytes (newest: SyncFromOldSystem is wrong)"),
    _words(90031, "SyncOtherMachine is no integer"),
    _words(90032, "more than 10 tags in a condition, or for one account"),
    _words(
        90033,
        "invalid attribute: a name that was never declared, declared twice, or of the other account type",
        by_name=True,
    ),
    _words(90034, "tag longer than 50 bytes"),
    _account(90035, "the tag or attribute belongs to the other account type (UserID or RegistrationID)"),
    _words(90039, "conditions on tags and on attributes together"),
    _words(90040, "empty tag in the condition"),
    _words(90043, "OfflinePushInfo is malformed"),
    _words(90044, "MsgLifeTime is no integer"),
    _app(90045, "the push feature is not switched on"),
    _app(90047, "the daily push quota is used up"),
    _account(90048, "the account does not exist"),
    _words(90049, "unknown TaskId"),
    _done(90050, "the task is already revoked"),
    _rate(90051, "more than one revocation per second", wait=1.0),
    _words(90052, "too late to revoke: the task is older than 24 hours"),
    _words(90053, "revoking this task needs OfflinePushInfo"),
    _words(90054, "invalid MsgKey"),
    _words(90055, "batch message too long (8 KB, newest 12 KB)"),
    _words(90056, "push body longer than 10 KB"),
    _rate(
        90057,
        "too many batch messages; from timpush/batch: DataId longer than 64 bytes",
        why="the general table's meaning; timpush/batch has its own, which is final (a row of that command can say so)",
    ),
    _words(90101, "initialised already"),
    _busy(90992, "internal error or timeout; if every call says so, the app's webhook is failing"),
    _busy(90994, "internal error"),
    _busy(90995, "internal error (newest: the message may be too long)"),
    _busy(91000, "internal error"),
    _call(91101, "web long-polling: replaced by another instance"),
    _words(93000, "request longer than 8 KB (newest: 12 KB)"),
)


_WEBHOOK = range(120_001, 130_001)
"""What the app's own webhook may answer instead of a code of the service."""


def _by_number(rows: Iterable[Code]) -> Mapping[int, Code]:
    """The rows by their number, read-only.

    Raises:
        ValueError: a number comes twice; one of the two verdicts would be silently lost.
    """
    table: dict[int, Code] = {}
    for row in rows:
        if table.setdefault(row.number, row) is not row:
            raise ValueError(f"error code {row.number} has two rows")
    return MappingProxyType(table)


CODES: Mapping[int, Code] = _by_number(_ROWS)
"""All known codes by number, in ascending order."""


def code(number: int) -> Code:
    """What is known of an error code.

    Args:
        number: `ErrorCode` or `ResultCode` of an answer, other than 0 (success).

    Returns:
        Its row; for a number that is in no table a row that is final for one item and splits a call, so that a code
        which the service invents tomorrow neither loops nor takes innocent items with it. So is one of the app's own,
        from 120001 to 130000.
    """
    known = CODES.get(number)
    if known is not None:
        return known
    if number in _WEBHOOK:
        return _words(number, "the app's own webhook refused with a code of its own", fault=Fault.APP)
    return _account(number, "unknown code")


def is_known(number: int) -> bool:
    """Whether anybody says what a code means, and so that nothing was applied where it is final."""
    return number in CODES or number in _WEBHOOK
