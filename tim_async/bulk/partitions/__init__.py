"""Lists in parts, for many processes on many machines: the outcomes of a part are there completely, or not at all.

`part` gives one process its rows. `running` sends them: `lease` keeps everybody else out meanwhile, by marks in a
`store` that all of them see, and the outcomes (`outcomes`) go there whole when they are complete.
"""
