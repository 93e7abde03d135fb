# exit: 0
# success: true
# seen: onnxruntime 1
import importlib.machinery
import sys


class First(object):
    """Finds everything itself, ahead of whoever else wants to know."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.PathFinder.find_spec(name, path, target)


sys.meta_path.insert(0, First())
import model

model.session()
import json.tool

model.infer()
