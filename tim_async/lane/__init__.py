"""What waits for one command, and what an answer means for each item. Pure: no I/O, and it is told the time.

In: items, then the answer to each call. Out: the items of the next call, then an outcome for each item::

    owners ─▶ waiting ─▶ schedule ─▶ seal ───────────▶ a call
               ▲  order   bisections                      │
               │                                          ▼
               └── again: retry, throttle ◀─ refusing ◀─ judging ◀─ an answer
                                                 │          │
    owners ◀─ leaving ◀──────── an outcome ──────┴──────────┘

* `items`: what waits, in queues. `owners`: who brought it and gets the outcomes: a batch, a stream, or single requests.
* `waiting`: who may go, and when. `schedule`: which queue is next. `order`: one account at a time.
* `judging`: what an answer means. `verdicts`: what it says of one account. `refusing`: what follows a refusal.
  `bisections`: the search for the items for which a whole call was refused. `leaving`: how items move and end.
* `retry` and `throttle`: when to try again, and how fast. `health`: what all lanes know of the app. `statistics`: what
  a lane can tell of itself. `watched`: a lane that also notes what became of each call.
"""
