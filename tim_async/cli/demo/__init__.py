"""``tim-async demo``: the main job against the service in a box, with processes of its own.

`command` is the command. `made` writes lists, `steps` says what is done to them, `show` does it by `shell` against the
emulator of `apart`, and `judged` compares what was told with what was done, for the `table` at the end.
"""
