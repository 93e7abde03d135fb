import pathlib

import requests
import requests.certs

request = requests.Request("GET", "https://example.org", params={"a": 1}).prepare()
assert request.url == "https://example.org/?a=1"
print("certificates:", pathlib.Path(requests.certs.where()).stat().st_size > 100_000)
