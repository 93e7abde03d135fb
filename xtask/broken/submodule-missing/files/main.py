import tinyfmt

print(tinyfmt.format(3))
