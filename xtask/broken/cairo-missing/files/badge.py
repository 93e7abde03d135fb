"""Draws a badge as SVG and turns it into a picture."""
import cairosvg

SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40">
<rect width="120" height="40" fill="#336699"/><text x="10" y="25" fill="white">build ok</text></svg>"""

png = cairosvg.svg2png(bytestring=SVG.encode())
assert png[1:4] == b"PNG"
print("badge of", len(png), "bytes")
