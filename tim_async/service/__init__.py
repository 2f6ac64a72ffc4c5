"""What is Tencent's: the commands, their words, their codes and their signature. Pure.

In: accounts and arguments; the bytes of an answer. Out: the body of a call; what the answer says of each account::

    checks ─▶ endpoints (a row for each command) ─▶ body
    wire ─▶ endpoints ─▶ Answer: values and errors by account        codes: what a code means
    keys ─▶ usersig: what is added to each URL
"""
