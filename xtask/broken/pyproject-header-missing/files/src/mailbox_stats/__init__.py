import click
from lxml import etree

MAILS = "<mails><mail to='a'/><mail to='b'/></mails>"


@click.command()
def main():
    click.echo(f"{len(etree.fromstring(MAILS).xpath('//mail'))} mails")
