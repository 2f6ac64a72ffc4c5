"""The table: every command that the emulator speaks, by its path."""

from . import accounts, attributes, tags

COMMANDS = {command.path: command for family in (accounts, attributes, tags) for command in family.COMMANDS}
"""The rows by ``service/command``, the way they stand in a URL after ``/v4/``."""
