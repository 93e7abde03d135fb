print("a sitecustomize of the program's own")
