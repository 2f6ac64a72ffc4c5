"""The journal of a run: what became of every row, so that a run can be killed at any moment and goes on.

`runs` is the form in which it is kept (pure), `store` the file, `lock` keeps a second run out, `recorder` writes while
the run goes on, `order` tells what a resume sends again and in which order (pure), `errors` what can be wrong with one.
"""
