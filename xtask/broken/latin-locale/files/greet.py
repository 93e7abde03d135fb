from unidecode import unidecode

for name in ["München", "Łódź"]:
    print("greetings to", name, "or", unidecode(name))
