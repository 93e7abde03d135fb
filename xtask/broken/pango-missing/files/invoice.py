"""Makes an invoice as PDF."""
from weasyprint import HTML

rows = [("Paper", 3, 4.5), ("Ink", 1, 20.0)]
total = sum(count * price for _, count, price in rows)
body = "".join(f"<tr><td>{name}</td><td>{count}</td><td>{price}</td></tr>" for name, count, price in rows)
pdf = HTML(string=f"<h1>Invoice</h1><table>{body}</table><p>Total {total}</p>").write_pdf()
assert pdf.startswith(b"%PDF")
print("invoice over", total, "has", len(pdf), "bytes")
