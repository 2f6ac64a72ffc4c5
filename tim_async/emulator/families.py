"""With which codes each family refuses a whole call."""

from dataclasses import replace

from .command import Family

ACCOUNTS = Family(
    bad_json=60003,
    malformed=70402,
    empty=70402,
    too_many=70402,
    not_admin=70403,
    busy=(70500, 70169, 70202),
    longest=32,
)
"""``im_open_login_svc``."""

DELETING = replace(ACCOUNTS, busy=(70500, 30006, 30007, 40006, 70169, 70202))
"""``account_delete`` clears contacts and profiles too, which can fail on their own."""

PUSH = Family(bad_json=90001, malformed=90001, empty=90001, too_many=90018, not_admin=90009, busy=(91000,))
"""``timpush`` and ``all_member_push``."""

PUSH_READING = replace(PUSH, not_admin=60010)
"""The pages of get_attr and im_get_attr don't list 90009, so the general code of the gateway remains."""

MESSAGES = Family(bad_json=90001, malformed=90003, empty=90001, too_many=90011, not_admin=90009, busy=(91000, 90994))
"""``openim``."""

PROFILES = Family(bad_json=60003, malformed=40001, empty=40002, too_many=40001, not_admin=40004, busy=(40006,))
"""``profile``."""

RELATIONS = Family(bad_json=60003, malformed=30001, empty=30001, too_many=30001, not_admin=30004, busy=(30006, 30007))
"""``sns``."""

GROUPS = Family(bad_json=60003, malformed=10004, empty=10004, too_many=10005, not_admin=10007, busy=(10002,))
"""``group_open_http_svc``."""
