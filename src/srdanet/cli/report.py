"""`srdanet report`: a page on each product of a folder."""
import click
@click.command()
def report() -> None:
    """x"""
