"""What the caller holds: each command as a call, as a single request, and as a stream.

In: accounts, and an argument for each. Out: a `BatchResult`, a value, outcomes as they come, or an error::

    groups ──▶ operation ──▶ __call__   sources ─▶ a batch       ─▶ dispatchers
      options        │   ──▶ one        single  ─▶ one request   ─▶ dispatchers
      plain          └─────▶ stream     streams ◀─ outcomes      ◀─ dispatchers

* `groups` holds the operations by the families of the service, one line each.
* `operation` has the three ways, once; `options` are operations with an option or an item of their own, `plain` are
  commands without a list, and `pushes` sends messages. `command` is what all of them share; `naming` checks what is
  given once for a whole call.
* `sources` reads what the caller gave, block by block, as it can be sent; `single` is one request that waits; `streams`
  hands outcomes over.
* `dispatchers` holds one dispatcher for each command that was used, and ends them.
"""
