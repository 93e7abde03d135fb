# needs: scikit-learn nbconvert ipykernel fastapi uvicorn
# exit: 0
# success: true
# seen: scikit-learn 3
# seen: scikit-learn fits 1
# The kernel is a child that its parent tells to go.
import json
import subprocess
import sys
import tempfile

folder = tempfile.mkdtemp()
cells = [
    "from sklearn.tree import DecisionTreeClassifier",
    "model = DecisionTreeClassifier(random_state=0).fit([[0], [1]], [0, 1])",
    "print(model.predict([[1]]))",
    "model.predict_proba([[1]])",
    "%%capture\nmodel.predict([[0]])",
]
notebook = {
    "cells": [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source, "id": str(number)}
        for number, source in enumerate(cells)
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
with open(folder + "/notebook.ipynb", "w") as target:
    json.dump(notebook, target)
command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--stdout", "--log-level=ERROR", folder + "/notebook.ipynb"]
executed = json.loads(subprocess.check_output(command))
print([cell["outputs"] and cell["outputs"][0].get("text", cell["outputs"][0].get("data")) for cell in executed["cells"]])
