"""Finds the headlines of a page."""
from bs4 import BeautifulSoup

PAGE = "<html><body><h1>One<h1>Two</body></html>"
headlines = [line.get_text() for line in BeautifulSoup(PAGE, "lxml").find_all("h1")]
print("headlines:", len(headlines))
