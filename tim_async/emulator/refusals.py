"""What the service says when it says no: codes, with the words that stand in ``ErrorInfo``."""

INFO = {
    10002: "group service internal error",
    10004: "invalid group parameter",
    10005: "too many accounts",
    10007: "operation not permitted",
    10010: "this group does not exist",
    10019: "account does not exist",
    10021: "group id is taken",
    30001: "Err_SNS_Invalid_Parameter",
    30003: "account not imported",
    30004: "administrator permission required",
    30006: "relation service internal error",
    30007: "relation service timeout",
    30515: "target is on the caller's block list",
    30516: "target refuses friend requests",
    30525: "caller is on the target's block list",
    30539: "friend request is pending",
    31704: "Err_SNS_FriendDelete_Not_Friend",
    40001: "invalid profile parameter",
    40002: "no account given",
    40003: "account not imported",
    40004: "administrator permission required",
    40006: "profile service internal error",
    40009: "unknown profile tag",
    40601: "profile value is too long",
    40610: "profile value has the wrong type",
    60002: "invalid request URL",
    60003: "request body is not valid JSON",
    60007: "REST API call frequency exceeds the limit",
    60008: "service timeout",
    60009: "unknown request resource",
    60010: "identifier is not an administrator",
    60011: "SDKAppID call frequency exceeds the limit",
    60012: "sdkappid is missing from the URL",
    60015: "account is not a string",
    60018: "too many requests",
    60019: "too many requests",
    60025: "sdkappid, identifier, usersig or contenttype in the URL is wrong",
    70001: "usersig expired",
    70002: "usersig is empty",
    70003: "usersig is illegal",
    70009: "usersig check failed: key of another SDKAppID",
    70013: "identifier differs from the one in usersig",
    70014: "sdkappid differs from the one in usersig",
    70020: "sdkappid not found",
    70050: "usersig check failed too often, try again after a minute",
    70052: "usersig is no longer valid",
    70107: "Err_TLS_PT_Open_Login_Account_Not_Exist",
    70169: "server timeout",
    70202: "server timeout",
    70399: "the deleted account cannot be imported again yet",
    70402: "invalid parameter",
    70403: "administrator permission required",
    70500: "internal server error",
    90001: "Fail to Parse json data of body, Please check it",
    90002: "invalid MsgBody",
    90003: "To_Account is invalid",
    90005: "invalid MsgRandom",
    90007: "MsgBody is not an array",
    90008: "From_Account is invalid",
    90009: "administrator permission required",
    90011: "more than 500 target accounts",
    90012: "To_Account is not registered",
    90018: "too many accounts in one request",
    90020: "tag is too long",
    90022: "a tag is in TagsOr and in TagsAnd",
    90024: "two pushes within one second",
    90026: "MsgLifeTime is too long",
    90029: "To_Account is empty",
    90032: "too many tags",
    90033: "invalid attribute",
    90035: "wrong account type",
    90039: "tags and attributes exclude each other",
    90040: "empty tag",
    90043: "OfflinePushInfo is invalid",
    90049: "unknown TaskId",
    90050: "the task is revoked already",
    90051: "two revocations within one second",
    90052: "the task is older than 24 hours",
    90056: "the push is longer than 10 KB",
    90057: "DataId is too long",
    90994: "internal service error",
    91000: "internal service error",
}
"""``ErrorInfo`` by code, in our own words where the service's are not known: nobody may depend on its sentences.

The service's own are those of 70107 (the page of ``account_delete`` prints it), 10010 and 90001.
"""

FRIEND_EXISTS = "Err_SNS_FriendAdd_Friend_Exist"
BLOCKED_ALREADY = "Err_SNS_BlackListAdd_Already_Exist"
"""What the service adds to 30001: it stands for what is already so too, and only the words tell that from a mistake."""

IMPORTED_ALREADY = "Err_SNS_FriendImport_Friend_Exist"
NOT_A_FRIEND_TO_UPDATE = "Err_SNS_FriendUpdate_Not_Friend"
"""The same for commands whose words nobody has written down: made up after those."""


class Refusal(Exception):
    """The service's "no" to a whole call.

    Args:
        code: The ``ErrorCode`` to answer with.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
