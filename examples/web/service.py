"""A web service over the client: FastAPI on uvicorn.

    TIM_SDK_APP_ID=... TIM_SECRET_KEY=... uvicorn service:app

``STATE`` is the folder of the deletions, ``REDIS_URL`` and ``WORKERS`` share the limit among processes
(``MARGIN`` of it, see `RedisLimiter`), ``CLOSE_TIMEOUT`` is how many seconds the client has for what waits when the
service stops.
"""

import gc
import os
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

import msgspec
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from jobs import Deletions, Standing

from tim_async import AccountError, Client, ClientClosed, NotSent, Rejected, RequestError, TIMError, Unknown
from tim_async.redis import RedisLimiter


class State(TypedDict):
    """What every request may use."""

    tim: Client
    deletions: Deletions
    seen: Counter[str]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[State]:
    """Open the client and go on with deletions; at the end settle what is open, and write it down."""
    async with AsyncExitStack() as stack:
        options: dict[str, Any] = {"close_timeout": float(os.environ.get("CLOSE_TIMEOUT", "10"))}
        if url := os.environ.get("REDIS_URL"):
            most, margin = int(os.environ.get("WORKERS", "1")), float(os.environ.get("MARGIN", "0.98"))
            limiter = RedisLimiter(url, processes=most, margin=margin)
            stack.push_async_callback(limiter.aclose)
            options["limiter"] = limiter
        tim = Client.from_env(**options)
        deletions = Deletions(tim, Path(os.environ.get("STATE", "state")))
        stack.push_async_callback(deletions.ended)  # after the client was closed, which ends them
        await stack.enter_async_context(tim)
        await deletions.go_on()
        # All that is here now stays. Under load the collector would look through it every two seconds, and each time
        # nobody is answered for 30 ms: https://docs.python.org/3/library/gc.html#gc.freeze.
        gc.collect()
        gc.freeze()
        yield {"tim": tim, "deletions": deletions, "seen": Counter()}


app = FastAPI(title="tim-async in a web service", lifespan=lifespan)


def state_of(request: Request) -> State:
    """What `lifespan` yielded."""
    return cast("State", request.state._state)  # noqa: SLF001 - the mapping behind it; its attributes have no types


Here = Annotated[State, Depends(state_of)]

STATUS: dict[type[object] | int, HTTPStatus] = {
    70107: HTTPStatus.NOT_FOUND,  # the account does not exist
    Rejected: HTTPStatus.UNPROCESSABLE_ENTITY,  # a final no
    NotSent: HTTPStatus.SERVICE_UNAVAILABLE,  # nothing happened; the caller may try again
    Unknown: HTTPStatus.GATEWAY_TIMEOUT,  # it may have happened
    ClientClosed: HTTPStatus.SERVICE_UNAVAILABLE,
    RequestError: HTTPStatus.GATEWAY_TIMEOUT,
    TIMError: HTTPStatus.BAD_GATEWAY,  # the service said no to the whole call
}


def status_of(error: TIMError) -> HTTPStatus:
    """The HTTP status of an error: of its code, of its outcome, or of its class."""
    keys: list[type[object] | int] = list(type(error).__mro__)
    if isinstance(error, AccountError):
        keys = [error.code or 0, type(error.outcome)]
    return next(STATUS[key] for key in keys if key in STATUS)


@app.exception_handler(TIMError)
async def refuse(_request: Request, error: Exception) -> JSONResponse:
    """Every error of the client, by one table."""
    status = status_of(error) if isinstance(error, TIMError) else HTTPStatus.INTERNAL_SERVER_ERROR
    return JSONResponse({"detail": str(error)}, status)


@app.get("/users/{account}/tags")
async def tags(account: str, here: Here) -> list[str]:
    """One user's tags; requests that come together share calls."""
    here["seen"]["tags"] += 1
    return list(await here["tim"].push.get_tags.one(account))


@app.put("/users/{account}/attributes", status_code=204)
async def set_attributes(account: str, attributes: dict[str, str], here: Here) -> None:
    """Set attributes of one user."""
    await here["tim"].push.set_attributes.one(account, attributes)


@app.post("/deletions", status_code=202)
async def delete(accounts: list[str], here: Here) -> dict[str, str]:
    """Delete accounts in the background; the answer comes when the list is safely on the disk."""
    if any(not account or account != account.strip() or not account.isprintable() for account in accounts):
        raise HTTPException(422, "an account is empty, or has blanks around it or a control character in it")
    return {"id": await here["deletions"].begin(accounts)}


@app.get("/deletions/{name}")
async def standing(name: str, here: Here) -> dict[str, Any]:
    """How a deletion stands, whichever process runs it."""
    return msgspec.structs.asdict(await _known(here, name))


@app.get("/deletions/{name}/outcomes")
async def outcomes(name: str, here: Here) -> StreamingResponse:
    """What became of each account so far, as JSON lines."""
    await _known(here, name)
    file = await here["deletions"].outcomes(name)
    return StreamingResponse(file, media_type="application/jsonl")


@app.get("/deletions/{name}/events")
async def events(name: str, here: Here) -> StreamingResponse:
    """How a deletion stands, by server-sent events, until it is over."""
    await _known(here, name)

    async def told() -> AsyncIterator[bytes]:
        async for standing in here["deletions"].watch(name):
            yield b"data: " + msgspec.json.encode(standing) + b"\n\n"

    return StreamingResponse(told(), media_type="text/event-stream")


async def _known(here: State, name: str) -> Standing:
    standing = await here["deletions"].standing(name)
    if standing is None:
        raise HTTPException(404, f"no deletion is called {name!r}")
    return standing


@app.get("/health")
async def health(here: Here) -> JSONResponse:
    """How each command stands in the process that answers; 503 while one of them gets no useful answer."""
    numbers = {path: msgspec.to_builtins(each) for path, each in here["tim"].statistics().items()}
    well = not any(each["failures"] > 5 for each in numbers.values())
    told = {"well": well, "process": os.getpid(), "requests": here["seen"], "commands": numbers}
    return JSONResponse(told, 200 if well else 503)
