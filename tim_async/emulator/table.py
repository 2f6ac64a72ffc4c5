"""The table: every command that the emulator speaks, by its path."""

from . import accounts, attributes, groups, messages, profiles, pushes, relations, tags

_FAMILIES = (accounts, attributes, tags, pushes, messages, profiles, relations, groups)

COMMANDS = {command.path: command for family in _FAMILIES for command in family.COMMANDS}
"""The rows by ``service/command``, the way they stand in a URL after ``/v4/``."""
