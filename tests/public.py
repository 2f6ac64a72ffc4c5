"""All public names and what they take, a line each. After a release ``python tests/public.py`` writes the list anew."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints, is_typeddict

import tim_async
import tim_async.emulator
import tim_async.limits
import tim_async.redis
from tim_async import Client
from tim_async.emulator import DEMO_KEY
from tim_async.service.endpoints import ENDPOINTS

LIST = Path(__file__).parent / "samples" / "public.txt"
MODULES = [tim_async, tim_async.redis, tim_async.emulator, tim_async.limits]
WAYS = ["one", "stream", "of"]
GROUPS = sorted({row.group for row in ENDPOINTS})
MADE_BY_USERS = {
    *("Account", "Client", "Command", "Emulator", "Fault", "Faults", "FileLimiter"),
    *("Gateway", "LocalLimiter", "RedisLimiter"),
}
BUILTIN = {*dir(dict), *dir(tuple), *dir(Exception)}


def public(thing: object) -> list[str]:
    """Names of a class or an object that a user may write."""
    if is_typeddict(thing):
        return sorted(get_type_hints(thing))
    names = set(dir(thing)) | set(set_when_made(thing)) if isinstance(thing, type) else set(dir(thing))
    if isinstance(thing, type) and issubclass(thing, dict | tuple | Exception):
        names -= BUILTIN
    return sorted(name for name in names if not name.startswith("_"))


def set_when_made(thing: type) -> Iterator[str]:
    """Attributes that only its objects have."""
    for each in thing.__mro__:
        functions = filter(inspect.isfunction, vars(each).values()) if each.__module__.startswith("tim_async") else ()
        for function in functions:
            yield from re.findall(r"self\.([a-z]\w*)(?:: [^=\n]+)? = ", inspect.getsource(function))


def parameters(function: Callable[..., Any]) -> list[str]:
    """What it takes: those that may be given by position, a star, and those that go by name."""
    words = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(str(parameter.replace(annotation=parameter.empty)).replace(" ", ""))
    return [word for word in words if word != "self"]


def in_modules() -> Iterator[tuple[str, object]]:
    """What the public modules list, and what hangs on the classes among it."""
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            yield f"{module.__name__}.{name}", thing
            if isinstance(thing, type):
                yield from ((f"{module.__name__}.{name}.{each}", getattr(thing, each, None)) for each in public(thing))


def groups_of(client: Client) -> Iterator[tuple[str, object]]:
    """The groups of operations, also those that belong to an account, a group or some fields."""
    for name in GROUPS:
        group = getattr(client, name)
        yield name, group
        if hasattr(group, "of"):
            yield f"{name}.of()", group.of("Mary")
        if hasattr(group, "select"):
            yield f"{name}.select()", group.select("tag")


def in_groups() -> Iterator[tuple[str, object]]:
    """The operations of a client, and the ways to use each."""
    for group_name, group in groups_of(Client(sdk_app_id=1400000000, secret_key=DEMO_KEY)):
        yield group_name, group
        for name in public(group):
            operation = getattr(group, name)
            yield f"{group_name}.{name}", operation
            ways = [] if inspect.ismethod(operation) else WAYS
            yield from (
                (f"{group_name}.{name}.{way}", getattr(operation, way)) for way in ways if hasattr(operation, way)
            )


def everything() -> dict[str, object]:
    """Name -> what stands there."""
    return {**dict(in_modules()), **{f"Client.{name}": thing for name, thing in in_groups()}}


def taken_by(name: str, thing: object) -> list[str]:
    """The parameters that a user may give; none for a class whose objects are only handed out."""
    if isinstance(thing, type) and name.rpartition(".")[2] not in MADE_BY_USERS:
        return []
    return parameters(thing) if callable(thing) and not hasattr(thing, "__origin__") else []


if __name__ == "__main__":
    lines = [" ".join([name, *taken_by(name, thing)]) for name, thing in everything().items()]
    LIST.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
