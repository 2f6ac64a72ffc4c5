"""x"""

import click


@click.command()
def demo() -> int:
    """Demo."""
    return 0
