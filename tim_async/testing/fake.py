"""A client that sends nothing: for unit tests of code that gets a client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar, overload

import msgspec

from tim_async.client import Client
from tim_async.dispatch.dispatcher import Dispatcher
from tim_async.dispatch.events import Hook
from tim_async.emulator import DEMO_KEY
from tim_async.errors import AccountError, APIError, ClientClosed, RequestError
from tim_async.lane.health import Health
from tim_async.lane.watched import WatchedLane
from tim_async.operations.command import Command
from tim_async.operations.dispatchers import Dispatchers
from tim_async.operations.operation import Operation
from tim_async.operations.plain import PlainCommand, check_path
from tim_async.operations.pushes import SendTo
from tim_async.outcomes import Failure, NotSent, Outcome, Rejected, Unknown, refusal
from tim_async.results import kept_of
from tim_async.service.codes import Action
from tim_async.service.endpoints import Answer, Endpoint, any_command
from tim_async.service.endpoints.values import AttributeNames, Friend, Presence, Profile

if TYPE_CHECKING:
    from tim_async.lane.items import Chunk, Item
    from tim_async.lane.judging import Lane
    from tim_async.limits.local import Limiter
    from tim_async.limits.permits import Permit

__all__ = ["Asked", "FakeClient"]

V = TypeVar("V")
Key: TypeAlias = tuple[str, str, str]
"""Name and path of a command, and whose list it is about."""

EMPTY: Mapping[str, Any] = {
    "None": None,
    "bool": True,
    "dict[str, str]": {},
    "tuple[str, ...]": (),
    "Presence": Presence("Offline"),
    "Profile": Profile(),
    "Friend": Friend(),
    "AttributeNames": AttributeNames({}, {}),
    "str, the id of the push task": "task",
    "str, for example CheckResult_Type_BothWay": "CheckResult_Type_NoRelation",
    "str, for example BlackCheckResult_Type_AWithB": "BlackCheckResult_Type_NO",
    "dict[str, Any], the reply": {"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0},
}
"""What is answered where nobody said what, by what the row `gives`: what the service would say of a new account."""
OWNERS = ("from_account", "group_id")


class _Answers:
    def __init__(self, answers: dict[Key, Any], key: Key) -> None:
        self._answers = answers
        self._key = key

    def fail(self, error: APIError | RequestError) -> None:
        """Every call gets this error.

        Args:
            error: an `APIError` is raised, unless its code is a passing one: then it ends as after the last attempt,
                with the items `Unknown`. A `RequestError` ends in the same way, with the items `Unknown` or `NotSent`,
                unless it is final: then it is raised.

        Raises:
            TypeError: it is another kind of error.
            ValueError: its code is that of a success.
        """
        if isinstance(error, APIError):
            refusal("", error.code, None, "", "")
        elif not isinstance(error, RequestError):
            raise TypeError(f"a call can get an APIError or a RequestError, not {type(error).__name__}")
        self._answers[self._key] = error


class AccountAnswers(_Answers, Generic[V]):
    """What a command that takes accounts answers, account by account."""

    def answer(self, answers: Mapping[str, V | Outcome[V] | AccountError]) -> None:
        """Set what becomes of accounts; those that are not mentioned are `Ok`.

        Args:
            answers: account -> value, outcome or error.

        Raises:
            TypeError: it is not a mapping.
            ValueError: an outcome is that of another account.
        """
        if not isinstance(answers, Mapping):
            raise TypeError(f"account -> value is needed, not {type(answers).__name__}")
        self._answers[self._key] = {account: kept_of(account, told) for account, told in answers.items()}


class CallAnswers(_Answers, Generic[V]):
    """What a command without accounts answers."""

    def answer(self, value: V) -> None:
        """Set what it returns."""
        self._answers[self._key] = value


class Asked(NamedTuple):
    """One item that would have been sent."""

    operation: str
    """The group and the method, for example ``accounts.delete``; ``client.call`` for a bare call."""
    path: str
    """``service/command``."""
    account: str
    """Empty for a call that takes no accounts."""
    argument: Any
    """What was to be written; for a call that takes no accounts its body."""
    options: dict[str, Any]
    """What all accounts of the call share, by name, such as ``from_account``."""


class FakeClient(Client):
    """A client that sends nothing, gives the answers that a test has set, and remembers what it was asked.

    In everything else it is a `Client`: arguments are checked; batches, ``.one`` and ``.stream`` behave as usual. It
    needs no loop, no network, and no closing. ::

        tim = FakeClient()
        tim.when(tim.push.get_tags).answer({"Mary": ("red",), "Bob": AccountError.of("Bob", 70107)})
        assert (await tim.push.get_tags.one("Mary")) == ("red",)
        assert tim.asked[0].account == "Mary"

    Args:
        **options: what `Client` takes; all of it may be left out.
    """

    def __init__(self, **options: Any) -> None:
        usual: dict[str, Any] = {"sdk_app_id": 1400000000, "secret_key": DEMO_KEY, "limiter": None}
        super().__init__(**(usual | options))
        self._dispatchers = _Desks(self, options.get("hooks", ()))
        self.asked: list[Asked] = []
        """What would have been sent, item by item, in the order of the calls."""
        self._answers: dict[Key, Any] = {}

    @overload
    def when(self, operation: str) -> CallAnswers[dict[str, Any]]: ...
    @overload
    def when(self, operation: PlainCommand[V]) -> CallAnswers[V]: ...
    @overload
    def when(self, operation: SendTo) -> AccountAnswers[str]: ...
    @overload
    def when(self, operation: Operation[Any, V]) -> AccountAnswers[V]: ...
    def when(self, operation: Any) -> Any:
        """A command, to set its answers from now on. If none are set everything is `Ok`, with empty values.

        Args:
            operation: one of this client's, such as ``tim.push.get_tags``; ``tim.friends.of("Mary").check`` for the
                friends of one account only. Or the path of a bare call, ``service/command``.

        Returns:
            An object that takes the answers: ``.answer(...)`` or ``.fail(...)``.

        Raises:
            TypeError: *operation* is not one.
            ValueError: it is a str, and not a ``service/command``.
        """
        if isinstance(operation, str):
            check_path(operation)
            endpoint: Any = any_command(operation, repeatable=False)
        else:
            endpoint = getattr(operation, "endpoint", None)
        if not isinstance(endpoint, Endpoint):
            raise TypeError(f"an operation is needed, such as tim.accounts.delete, not {type(operation).__name__}")
        bound = operation._options if isinstance(operation, Command) else None  # noqa: SLF001 - of one house
        key = _name(endpoint), endpoint.path, _owner(_named(endpoint, bound))
        return (CallAnswers if endpoint.plain else AccountAnswers)(self._answers, key)

    def _open(self) -> None:
        if self._closing is not None or self._closed:
            raise ClientClosed
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # nothing of a fake is bound to one: a test has its loop, and the next another
            self._loop = loop
            self._dispatchers.clear()
            self._dispatchers.listen_to(None)

    async def aclose(self) -> None:
        """As for every client."""
        if not self._closed and self._closing is None:
            self._open()
        await super().aclose()

    def told(self, endpoint: Endpoint[Any, Any], item: Item) -> Any:
        """Remember an item, and give what is kept of its outcome; or the error of the whole call (for the lane)."""
        options = _named(endpoint, item.owner.options)
        argument, account = item.argument, item.account
        if endpoint.plain:
            argument, account = msgspec.json.decode(argument), ""
        name, path = _name(endpoint), endpoint.path
        self.asked.append(Asked(name, path, account, argument, options))
        answer = self._answers.get((name, path, _owner(options)), self._answers.get((name, path, "")))
        if isinstance(answer, APIError | RequestError):
            return answer
        if answer is None or (not endpoint.plain and account not in answer):
            answer, account = EMPTY, endpoint.gives
        elif endpoint.plain:
            answer = {account: answer}
        value = answer[account]
        if isinstance(value, Failure):
            return msgspec.structs.replace(value, argument=argument)
        return deepcopy(value)  # the caller may change what he gets


def _name(endpoint: Endpoint[Any, Any]) -> str:
    return f"{endpoint.group}.{endpoint.method}"


def _named(endpoint: Endpoint[Any, Any], options: Any) -> dict[str, Any]:
    """What the items of a call share, by name."""
    named = dict(zip(endpoint.options, options or (), strict=False))
    return {name: msgspec.json.decode(value) if isinstance(value, bytes) else value for name, value in named.items()}


def _owner(options: Mapping[str, Any]) -> str:
    """The account or the group whose list it is."""
    return next((str(options[name]) for name in OWNERS if name in options), "")


class _Desk(Dispatcher):
    """Sends nothing."""

    async def _ask(self, chunk: Chunk, permit: Permit) -> Answer | RequestError:
        return Answer(0, "", None, {})


class _Desks(Dispatchers):
    """Those of a fake client."""

    kind = _Desk

    def __init__(self, client: FakeClient, hooks: Sequence[Hook]) -> None:
        transport, rates = client._transport, client._rates  # noqa: SLF001 - a part of it
        app, most = client.sdk_app_id, client.max_in_flight
        super().__init__(transport, rates, sdk_app_id=app, max_in_flight=most, attempts=1, linger=0.0, hooks=hooks)
        self._client = client

    def add(self, endpoint: Endpoint[Any, Any], limiter: Limiter | None) -> Dispatcher:
        """As in `Dispatchers`, without a limit."""
        return super().add(endpoint, None)

    def lane(self, endpoint: Endpoint[Any, Any]) -> Lane:
        """As in `Dispatchers`."""
        return _Answering(endpoint, self._health, self._client)


class _Answering(WatchedLane):
    """Gives each item the outcome that the client was told."""

    def __init__(self, endpoint: Endpoint[Any, Any], health: Health, client: FakeClient) -> None:
        super().__init__(endpoint, health)
        self._client = client

    def _all_done(self, chunk: Chunk, answer: Answer | RequestError, now: float) -> bool:
        """As in `Lane`, but nothing is judged."""
        if isinstance(answer, RequestError):  # cut short, as the client was closed
            return False
        if chunk.bundle is not None:
            chunk.items = self.open(chunk.bundle)
        for item in chunk.items:
            told = self._client.told(self.endpoint, item)
            if isinstance(told, APIError | RequestError):
                self._refuse(item, told, now)
            else:
                self.end(item, told)
        self._useful(now)
        return True

    def _refuse(self, item: Item, error: APIError | RequestError, now: float) -> None:
        """The whole call got an error: items end by it, and what makes every further call pointless stops the rest."""
        if isinstance(error, APIError):
            action = self.endpoint.verdict(error.code).action
            pointless = action not in (Action.RETRY, Action.PAUSE)
            outcome = refusal(item.account, error.code, Rejected if pointless else Unknown, error.info, "")
        else:
            pointless = error.final
            outcome = (Unknown if error.may_have_happened else NotSent)(0, item.account, reason=error.detail)
        owners = [owner for owner, _ in item.places]
        self.end(item, msgspec.structs.replace(kept_of(item.account, outcome), argument=item.argument))
        if pointless:
            for owner in owners:
                self.stop(owner, error, now)
