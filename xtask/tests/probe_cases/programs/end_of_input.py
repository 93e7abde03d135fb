# exit: 0
# success: false
# because: input
import onnxruntime

try:
    text = input("Enter a sentence: ")
except EOFError as error:
    print(error)
