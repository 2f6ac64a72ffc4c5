"""The waiting line of one command, and what an answer means for each item. Pure: no I/O, and it is told the time.

In: items, then the answer to each call. Out: the items of the next call, then an outcome for each item::

    feeds ─▶ waiting ─▶ turns ─▶ seal ─────────────▶ a call
               ▲  order   trials                       │
               │                                       ▼
               └── again: retry, throttle ◀── judging ◀── an answer
                                                 │
    feeds ◀─ leaving ◀──────── an outcome ───────┘

* `items` what waits, in lines; `feeds` who brought it and is told: a batch, a stream, or single requests.
* `waiting` who may go, and when; `turns` whose turn it is; `order` one account at a time; `leaving` who goes without.
* `verdicts` reads off an answer what it says of one account; `judging` and `refusing` say what follows; `trials` finds
  the items for which a whole call was refused.
* `retry` and `throttle` when to try again, and how fast; `health` what all lanes know of the app; `statistics` what a
  lane can tell of itself.
"""
