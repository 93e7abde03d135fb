# exit: 0
# success: false
# level: built
# because: help
import argparse
import sys

import onnxruntime

parser = argparse.ArgumentParser(prog="demo", description="Runs a model", usage="how to call it")
parser.add_argument("--image")
if parser.parse_args().image is None:
    parser.print_help()
    sys.exit(0)
