WHO = "a module of the program's own"
