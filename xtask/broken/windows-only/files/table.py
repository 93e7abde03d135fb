from tabulate import tabulate

rows = [("a", 2), ("b", 3)]
print(tabulate([*rows, ("total", sum(n for _, n in rows))], tablefmt="github").replace("  ", " ").replace("  ", " "))
