from unidecode import unidecode

with open("/app/names.txt") as file:
    for name in file.read().split():
        print("greetings to", name, "or", unidecode(name))
