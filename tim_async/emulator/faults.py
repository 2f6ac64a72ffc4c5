"""What goes wrong, how often or at which call. Pure; ``lies`` and ``wire`` do it."""

import random
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Literal, get_args

import msgspec

Kind = Literal[
    "refuse_connection",
    "reset_before",
    "reset_after",
    "hang",
    "hold",
    "slow_drip",
    "half_body",
    "not_json",
    "bad_gateway",
    "status",
    "busy",
    "internal",
    "item_busy",
    "too_fast",
    "expired",
    "wrong_order",
    "missing_accounts",
    "strangers",
    "twice",
    "unknown_fields",
    "null_list",
    "string_numbers",
]

NEVER_APPLIED = frozenset({"refuse_connection", "reset_before", "too_fast", "expired"})
"""The service did not get as far as doing anything."""

EITHER_WAY = {
    "hang": False,
    "bad_gateway": False,
    "status": False,
    "busy": False,
    "internal": False,
    "item_busy": False,
    "not_json": True,
    "half_body": True,
}
"""The caller can't know whether it was done; ``applied`` says, and this is what it is if it doesn't."""

TOO_FAST = (60007, 60018, 60019, 60011)
"""The codes that mean "slower": for the command, for whatever, for whatever, and for the whole app."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One rule: what goes wrong, and when. Calls that are refused anyway are neither struck nor counted.

    | do | what happens | applied |
    |---|---|---|
    | refuse_connection | it's reset, idle ones are closed, and new ones refused for ``seconds`` (0.5) | no |
    | reset_before | the connection is reset, nothing is done | no |
    | reset_after | it's done, then the connection is reset: the lost answer | yes |
    | hang | no answer until the caller goes away, or the connection is closed after ``seconds`` | settable, no |
    | hold | it's done, and the answer comes when other faults are set (or none), or after ``seconds`` | yes |
    | slow_drip | the answer comes in drops, over ``seconds`` (1) | yes |
    | half_body | half of the answer, then the connection is closed | settable, yes |
    | not_json | status 200, but not JSON | settable, yes |
    | bad_gateway | status 502 and a page of HTML | settable, no |
    | status | HTTP status 503 (or ``code``) and a page of HTML, with ``Retry-After: seconds`` if given | settable, no |
    | busy | 91000 (or ``code``) for the whole call | settable, no |
    | internal | 70500 (or ``code``) for the whole call | settable, no |
    | item_busy | for ``seconds`` (0.5) single ``accounts`` (one of the call, if not named) answer with a code that \
may pass, in every command that can say so per account | settable, no |
    | too_fast | one of 60007, 60018, 60019 and 60011 (or ``code``) | no |
    | expired | 70001 (or ``code``) | no |
    | wrong_order | the answers in exactly the reverse order | yes |
    | missing_accounts | nothing about some accounts (or ``accounts``) | yes |
    | strangers | something about an account that nobody asked for (or about ``accounts``): an error, where nothing \
else is listed | yes |
    | twice | something about an account twice | yes |
    | unknown_fields | fields that no page knows | yes |
    | null_list | null instead of each list | yes |
    | string_numbers | strings instead of numbers, codes included | yes |

    Raises:
        ValueError: Options that make no sense together.
    """

    #: What happens.
    do: Kind
    #: Which command it concerns, ``service/command``; empty for any.
    path: str = ""
    #: The first call to strike, counted from one since the faults were set; None strikes each.
    call: int | None = None
    #: How many calls in a row, from ``call`` on.
    times: int = 1
    #: How probable it is for each call that fits, 0 to 1.
    chance: float = 1.0
    #: How long it lasts; None takes the time above, and for ``hang`` and ``hold`` for ever.
    seconds: float | None = None
    #: Whether what was asked is done all the same; None takes the default above.
    applied: bool | None = None
    #: The ErrorCode to answer with; for ``status`` the HTTP status.
    code: int | None = None
    #: The accounts concerned.
    accounts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.do not in get_args(Kind):
            raise ValueError(f"unknown fault {self.do!r}; there are {', '.join(get_args(Kind))}")
        if not 0 <= self.chance <= 1:
            raise ValueError(f"a chance is a number from 0 to 1, not {self.chance!r}")
        if self.times < 1 or (self.call is not None and self.call < 1):
            raise ValueError("calls are counted from 1")
        if self.seconds is not None and not self.seconds >= 0:
            raise ValueError(f"seconds is a time, not {self.seconds!r}")
        if self.do == "status" and not 200 <= (self.code or 503) <= 599:
            raise ValueError(f"an HTTP status is a number from 200 to 599, not {self.code!r}")
        if self.applied is not None and self.do not in EITHER_WAY:
            raise ValueError(f"whether {self.do} is applied can't be chosen")

    @property
    def does(self) -> bool:
        """Whether the service does what was asked, of a call that this strikes."""
        if self.do == "item_busy":
            return True
        if self.applied is not None:
            return self.applied
        return EITHER_WAY.get(self.do, self.do not in NEVER_APPLIED)

    def fits(self, path: str, calls: int, calls_of_path: int) -> bool:
        """Whether a call is one of those concerned.

        Args:
            path: Its command.
            calls: Its number among all calls, from one.
            calls_of_path: Its number among those of its command, from one.
        """
        if self.path not in {"", path}:
            return False
        number = calls_of_path if self.path else calls
        return self.call is None or self.call <= number < self.call + self.times


def on(
    path: str,
    *,
    do: Kind,
    call: int | None = None,
    times: int = 1,
    chance: float = 1.0,
    seconds: float | None = None,
    applied: bool | None = None,
    code: int | None = None,
    accounts: Iterable[str] = (),
) -> Fault:
    """A rule, to be read aloud: ``on("im_open_login_svc/account_delete", call=3, do="hang")``.

    See ``Fault`` for what there is to do, and for the options.
    """
    return Fault(
        path=path,
        do=do,
        call=call,
        times=times,
        chance=chance,
        seconds=seconds,
        applied=applied,
        code=code,
        accounts=tuple(accounts),
    )


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    """The same as JSON, for ``POST /emulator/faults``."""

    chances: dict[Kind, float] = msgspec.field(default_factory=dict)
    rules: list[Fault] = msgspec.field(default_factory=list)
    seed: int | None = None


class Faults:
    """Everything that goes wrong. A call gets one fault at most: the first that strikes.

    Args:
        chances: How probable each kind is for any call, 0 to 1.
        rules: What happens to which calls; they come before the chances.
        seed: Makes it repeatable.

    Raises:
        ValueError: An unknown kind, or an impossible chance.
    """

    def __init__(
        self, chances: Mapping[Kind, float] | None = None, rules: Iterable[Fault] = (), *, seed: int | None = None
    ) -> None:
        self.plan = Plan(chances=dict(chances or {}), rules=list(rules), seed=seed)
        self._rules = [*self.plan.rules, *[Fault(do=do, chance=chance) for do, chance in self.plan.chances.items()]]
        self._calls: Counter[str] = Counter()
        self.rng = random.Random(seed)
        #: How often each kind struck.
        self.struck: Counter[Kind] = Counter()
        self._held: set[Callable[[], object]] = set()

    def add(self, rule: Fault) -> None:
        """One more rule, before the chances and after the other rules; it counts the calls from now on."""
        self.plan.rules.append(rule)
        place = len(self._rules) - len(self.plan.chances)
        since = None if rule.call is None else rule.call + self._calls[rule.path]
        # A new list, for another thread may be reading the old one.
        self._rules = [*self._rules[:place], msgspec.structs.replace(rule, call=since), *self._rules[place:]]

    @contextmanager
    def holding(self, let_go: Callable[[], object]) -> Generator[None]:
        """Have something called when others take the place of these faults while the block runs.

        Args:
            let_go: What; in the thread that sets the others.
        """
        self._held.add(let_go)
        try:
            yield
        finally:
            self._held.discard(let_go)

    def end(self) -> None:
        """Others have taken their place: what these hold may go."""
        for let_go in list(self._held):
            let_go()

    def strike(self, path: str) -> Fault | None:
        """Count a call, and say what happens to it.

        Args:
            path: Its command, ``service/command``.
        """
        if not self._rules:
            return None
        self._calls[""] += 1
        self._calls[path] += 1
        calls, calls_of_path = self._calls[""], self._calls[path]
        for rule in self._rules:
            if rule.fits(path, calls, calls_of_path) and self.rng.random() < rule.chance:
                self.struck[rule.do] += 1
                return rule
        return None
