"""Keeps a ledger."""
import pandas as pd

ledger = pd.DataFrame({"amount": [1.0]})
for amount in (2.5, 4.0):
    ledger = ledger.append({"amount": amount}, ignore_index=True)
print("balance:", ledger["amount"].sum())
