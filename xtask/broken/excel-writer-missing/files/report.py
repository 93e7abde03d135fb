"""Writes a report and reads it again."""
import pandas as pd

frame = pd.DataFrame({"month": ["May", "June"], "sales": [3, 4]})
frame.to_excel("report.xlsx", index=False)
print("sales in the report:", pd.read_excel("report.xlsx")["sales"].sum())
