"""Reads a menu and its prices."""
import yaml
from bs4 import BeautifulSoup
from dateutil.parser import parse

page = BeautifulSoup("<ul><li data-price='3'>Soup</li><li data-price='9'>Fish</li></ul>", "html.parser")
menu = {item.text: int(item["data-price"]) for item in page.find_all("li")}
day = parse("3 May 2021").date()
print(yaml.safe_dump({"day": str(day), "total": sum(menu.values())}))
