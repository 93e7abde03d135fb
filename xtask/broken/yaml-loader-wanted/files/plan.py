"""Reads a plan."""
import yaml

with open("plan.yaml") as file:
    plan = yaml.load(file)
print("tasks:", len(plan["tasks"]), "hours:", sum(task["hours"] for task in plan["tasks"]))
