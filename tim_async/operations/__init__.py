"""What the caller holds: each command as a call, as a single request, and as a stream.

In: accounts, and what is said of each. Out: a `BatchResult`, a value, outcomes as they come, or an error::

    groups ──▶ operation ──▶ __call__   sources ─▶ a batch       ─▶ dispatch
      options        │   ──▶ one        single  ─▶ one request   ─▶ dispatch
      plain          └─────▶ stream     streams ◀─ outcomes      ◀─ dispatch

* `groups` hangs the operations up by the families of the service; `options` and `plain` are those that take more than a
  list, or none.
* `operation` checks the call, and is the three ways.
* `sources` reads what the caller gave, block by block, as it can be sent; `single` is one who waits; `streams` hands
  outcomes over.
"""
