"""What a job did and how it stands, from its journal alone: for a report, after the run or while it goes on.

`facts` is what is found, `finding` puts it together. `replaying` reads the journal as it was written, start by start,
`kinds` gathers rows that ended alike, `numbering` finds their numbers in the input, `calls` adds up the seconds, and
`sentences` says what it means and what to do now (pure).
"""
