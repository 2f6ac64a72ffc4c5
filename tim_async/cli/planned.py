"""The plan of a command in lines: what would be sent, where to, how long it takes, and what cannot be sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tim_async.bulk.files import AccountFile
from tim_async.bulk.planning import Plan
from tim_async.bulk.report import counted
from tim_async.printable import shown
from tim_async.transport.hosts import REGIONS

from .limiters import Speed
from .options import Connection
from .screen import length

__all__ = ["Place", "lines_of_plan", "plan_as_json"]

_BODY_MOST = 150  # characters of the first call's body


class Place(NamedTuple):
    """Where a plan would be carried out."""

    connection: Connection
    speed: Speed
    journal: Path | None

    @property
    def host(self) -> str:
        """Which is called."""
        return self.connection.base_url or f"https://{REGIONS[self.connection.region][0]}"


def lines_of_plan(plan: Plan, file: AccountFile, place: Place) -> Iterator[str]:
    """What a person reads."""
    look, name = file.look, shown(file.name)
    whole = "" if plan.source == file.name else f" of all {counted(file.count)}"
    done = f", {plan.done:,} of them done or begun for good before" if plan.done else ""
    yield f"{shown(plan.source)}: {counted(plan.rows)}{done}{whole}, {counted(look.accounts, 'account')}"
    if plan.refused:
        yield f"    {counted(sum(trouble.count for trouble in plan.refused))} that cannot be sent:"
    yield from (f"        {trouble}" for trouble in plan.refused)
    whom = place.connection
    yield f"{plan.command}: app {whom.sdk_app_id}, as {shown(whom.identifier)}, at {place.host}"
    later = f", {counted(plan.held_back)} later (--first)" if plan.held_back else ""
    yield f"    {counted(plan.sent)} in {counted(plan.calls, 'call')}{later}: {_time(plan)}"
    shared = place.speed.shared_by
    if shared:
        yield f"    the limit is shared by all who say the same: {shared}"
    yield f"    journal: {'none' if place.journal is None else shown(os.path.relpath(place.journal))}"
    if plan.first_call:
        yield f"    first call: {_body(plan)}"
    yield from (f"{name}: {found}" for found in look.notes())


def plan_as_json(plan: Plan, file: AccountFile, place: Place) -> dict[str, Any]:
    """The same for a program; times in seconds."""
    return {
        "event": "plan",
        "command": plan.command,
        "app": plan.app,
        "identifier": place.connection.identifier,
        "host": place.host,
        "source": plan.source,
        "rows": plan.rows,
        "accounts": file.look.accounts,
        "done": plan.done,
        "notes": list(file.look.notes()),
        "refused": [
            {"code": each.code, "reason": each.reason, "count": each.count, "rows": each.rows} for each in plan.refused
        ],
        "sent": plan.sent,
        "held_back": plan.held_back,
        "calls": plan.calls,
        "rate": plan.rate,
        "seconds": plan.seconds,
        "journal": None if place.journal is None else str(place.journal),
        "first_call": plan.first_call.decode(),
    }


def _time(plan: Plan) -> str:
    what = "accounts/s" if plan.rate_of_accounts else "calls/s"
    return f"{length(plan.seconds)} at {plan.rate:,.10g} {what}"


def _body(plan: Plan) -> str:
    text = plan.first_call.decode()
    if len(text) <= _BODY_MOST:
        return text
    return f"{text[:_BODY_MOST]}… ({len(plan.first_call):,} bytes)"
