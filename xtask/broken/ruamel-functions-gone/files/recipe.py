"""Reads a recipe."""
import ruamel.yaml

recipe = ruamel.yaml.safe_load("flour: 500\nwater: 350\n")
print("hydration:", recipe["water"] / recipe["flour"])
