"""One budget for several processes: what all shared limiters have in common, wherever the budget is kept.

Strategy: nobody is told "no, try again", which wakes at once all who wait. A process *books*: it is told when its next
slots are. So processes are served in turn, and nothing polls. The rooms:

* `slots`    pure: what a slot pays for
* `books`    what is asked of the place where the budget is kept
* `gate`     one command in one process: who waits, when to book, what to do while the budget is out of reach
* `limiter`  the limiter of one process over its gates
"""
