from future.standard_library import install_aliases

install_aliases()
from urllib.parse import unquote

print("words:", len(unquote("one%20two%20three").split()))
