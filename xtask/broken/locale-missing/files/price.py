"""Writes a price as Germans do."""
import locale

locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
price = locale.format_string("%.2f", 1234.5, grouping=True)
assert price == "1.234,50", price
print("price:", price)
