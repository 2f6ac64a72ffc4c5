"""Finds the facts of a job in its journal."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tim_async import __version__
from tim_async.bulk.journal.glance import look
from tim_async.bulk.journal.runs import MAYBE, NOTHING
from tim_async.bulk.journal.store import Store
from tim_async.bulk.opening import path_of
from tim_async.bulk.report import WHOLE
from tim_async.bulk.rows import InputError
from tim_async.bulk.standing import Standing, standing_from
from tim_async.service.endpoints import ENDPOINTS, Endpoint
from tim_async.transport.hosts import REGIONS

from .calls import calls_of, latency_from, moment_of
from .facts import Asked, Findings, Kind, Moment, Numbered, Run, State, Step, What, Who
from .kinds import kinds_of, named
from .numbering import rows_at
from .replaying import Replay
from .sentences import KILLED, before_going_on, meaning_of, verdict_of

__all__ = ["findings_of"]


def findings_of(journal: str | Path, *, accounts: bool = False) -> Findings:
    """What a job did and how it stands, from its journal; also while it runs, and after it was killed.

    The input is read if it is there and has not changed: only it knows on which lines rows begin. Else they are
    counted, see `Findings.numbered`. A million rows take a second or two.

    Args:
        journal: of the job.
        accounts: whether the accounts of the first rows of each kind are told too; personal data.

    Raises:
        JournalError: the journal cannot be read, or is none.
        InputError: accounts are wanted, and the input is not there, or has changed.
    """
    standing, replay, moments, latencies = read = look(Path(journal), _read)
    endpoint = next((row for row in ENDPOINTS if f"{row.group}.{row.method}" == standing.job.command), None)
    kinds, numbered = _numbered(read, endpoint, accounts=accounts)
    state, runs, asked = _state(standing), list(_runs(standing, replay)), list(_asked(replay, endpoint))
    how = runs[-1].how if runs else ""
    is_whole = standing.total is not None or how == WHOLE
    return Findings(
        what=_what(standing, endpoint),
        made=time.time(),
        by=f"tim-async {__version__}",
        state=state,
        verdict=verdict_of(state, kinds, endpoint, how=how, total=standing.total, is_whole=is_whole),
        what_now=list(_what_now(standing, kinds, state, how)),
        done=standing.done,
        open=sum(kind.count for kind in kinds if not kind.final) if is_whole else None,
        maybe=replay.unsure,
        counts=standing.counts,
        assumed=standing.assumed,
        numbered=numbered,
        kinds=kinds,
        who=_who(standing),
        runs=runs,
        asked_again=asked,
        asked_again_means=_meaning(asked, endpoint),
        calls=calls_of(moments),
        latency=latency_from(latencies.items()),
        seconds=moments,
    )


class _Read(NamedTuple):
    """A journal at one moment."""

    standing: Standing
    replay: Replay
    moments: list[Moment]
    latencies: Counter[int]


def _read(store: Store, held_by: str) -> _Read:
    latencies = Counter[int]()
    replay = Replay(store)
    standing = standing_from(store, replay.states, held_by)
    moments = list(_moments(store, latencies))
    return _Read(standing, replay, moments, latencies)


def _moments(store: Store, latencies: Counter[int]) -> Iterator[Moment]:
    for at, second in store.seconds():
        latencies.update(second.latencies)
        yield moment_of(at, second)


def _numbered(read: _Read, endpoint: Endpoint[Any, Any] | None, *, accounts: bool) -> tuple[list[Kind], Numbered]:
    standing = read.standing
    kinds = kinds_of(read.replay.states, standing.total, endpoint, at_work=bool(standing.held_by))
    if not standing.source["description"] and not accounts:
        return named(kinds, None, accounts=False), "item"
    try:
        rows = rows_at(standing, {place for kind in kinds for place in kind.rows})
    except InputError:
        if accounts:
            raise
        return named(kinds, None, accounts=False), "place"
    return named(kinds, rows, accounts=accounts), "line"


def _state(standing: Standing) -> State:
    last = standing.starts[-1] if standing.starts else None
    if standing.held_by:
        return "at work"
    if last is not None and last.ended is None:
        return "killed"
    return "done" if standing.finished else "stopped"


def _what_now(standing: Standing, kinds: list[Kind], state: State, how: str) -> Iterator[Step]:
    path = shlex.quote(str(standing.path.absolute()))
    if state == "at work":
        yield Step(words=f"Wait, {standing.held_by} works on it; see how it stands", command=f"tim-async job {path}")
    elif state != "done":
        yield _go_on(standing, path, how)
    if standing.total == 0:
        yield Step(words="Look whether the input should have had rows")
    yield from _mend(standing, kinds, path)


def _mend(standing: Standing, kinds: list[Kind], path: str) -> Iterator[Step]:
    final = [kind for kind in kinds if kind.final and kind.outcome != "Ok" and kind.repeat != "no need"]
    unknown = any(kind.outcome == "Unknown" for kind in final)
    failed = any(kind.outcome != "Unknown" for kind in final)
    care = "of Unknown ones nobody knows whether they were done, so send them again only where twice does no harm"
    if final and standing.source["description"]:
        what = "rows that failed, with code and reason, to be mended and fed in again" if failed else "Unknown rows"
        yield Step(
            words=f"Write out the {what}{f'; {care}' if unknown else ''}",
            command=f"tim-async job {path} --failures FILE",
        )
    elif final:
        yield Step(words=f"Mend the rows that failed in the program that gave them{f'; {care}' if unknown else ''}")


def _go_on(standing: Standing, path: str, how: str) -> Step:
    if standing.job.digest is None:
        return Step(words="It cannot go on: its input could be read only once")
    if "command" not in standing.memo:
        return Step(words=f"{before_going_on(how)}: start its own program again, with the same journal")
    return Step(words=before_going_on(how), command=f"tim-async resume {path}")


def _who(standing: Standing) -> Who:
    said = standing.memo.get("connection")
    whom = {name: value for name, value in said.items() if isinstance(value, str)} if isinstance(said, dict) else {}
    region = whom.get("region")
    host = whom.get("base_url") or (f"https://{REGIONS[region][0]}" if region in REGIONS else None)
    return Who(app=standing.job.app, identifier=whom.get("identifier"), host=host, region=region)


def _what(standing: Standing, endpoint: Endpoint[Any, Any] | None) -> What:
    job, source = standing.job, standing.source
    settings = job.settings if isinstance(job.settings, dict) else {}
    options = job.options if isinstance(job.options, dict) else {}
    said = {name: value for name, value in {**options, **settings}.items() if _says(value)}
    return What(
        id=standing.id,
        command=job.command,
        summary="" if endpoint is None else endpoint.summary,
        page="" if endpoint is None else endpoint.page,
        options={name: value for name, value in said.items() if name != "column"},
        journal=str(standing.path.absolute()),
        input=source["name"],
        path=path_of(source["description"]),
        size=job.size,
        digest=job.digest,
        rows=standing.total,
        column=source["column"],
    )


def _says(value: Any) -> bool:
    """Whether a setting says anything."""
    return any(map(_says, value.values())) if isinstance(value, dict) else value not in (None, [])


def _runs(standing: Standing, replay: Replay) -> Iterator[Run]:
    for start, chapter in zip(standing.starts, replay.chapters, strict=True):
        is_last = start is standing.starts[-1]
        how = "at work" if is_last and standing.held_by else start.how or KILLED
        yield Run(
            number=start.number,
            began=start.began,
            ended=start.ended,
            last_word=chapter.last,
            how=how,
            host=start.host,
            pid=start.pid,
            outcomes=chapter.outcomes,
        )


def _meaning(asked: list[Asked], endpoint: Endpoint[Any, Any] | None) -> str:
    return meaning_of(
        sum(each.rows for each in asked),
        sum(each.outcomes.get("assumed", 0) for each in asked),
        sum(each.rewritten for each in asked),
        endpoint,
    )


def _asked(replay: Replay, endpoint: Endpoint[Any, Any] | None) -> Iterator[Asked]:
    states = replay.states
    for number, (start, chapter) in enumerate(zip(replay.starts, replay.chapters, strict=True)):
        if not (chapter.unsure or chapter.rewritten):
            continue
        outcomes: Counter[str] = Counter()
        for state, count in (replay.became(number) if chapter.unsure else Counter[int]()).items():
            open_ = state in (NOTHING, MAYBE) or not states.is_final(state)
            ending = None if open_ else states.endings.by_number[state]
            outcomes["Open" if ending is None else "assumed" if ending.assumed else ending.outcome] += count
        later = chapter.unsure - outcomes.total()
        yield Asked(
            start=start.number,
            at=start.began,
            rows=chapter.unsure,
            sent_again=endpoint is None or endpoint.repeatable,
            outcomes={**outcomes, **({"later": later} if later else {})},
            rewritten=chapter.rewritten,
            meaning=meaning_of(chapter.unsure, outcomes["assumed"], chapter.rewritten, endpoint),
        )
