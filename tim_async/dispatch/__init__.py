"""The waiting half of a command, and what it tells of itself.

* `dispatcher` waits for a slot and a token, then lets the lane seal a call; the only place that makes calls.
* `pace` by which rate it goes; `tally` what is counted.
* `events` what is told, and to whom. `watch` tells it, `askers` knows who asked; `telling` calls the hooks;
  `pauses` knows when a pause is over; `standing` when a command is in trouble, and when it is well again, which is also
  written to the log.
"""
