# needs: spacy fasttext-wheel numpy<2
# exit: 0
# success: true
# seen: spacy 1
# seen: fasttext 1
import fasttext
import spacy

blank = spacy.blank("en")
blank("only cut into words")
classifier = spacy.blank("en")
labels = classifier.add_pipe("textcat")
labels.add_label("a")
labels.add_label("b")
classifier.initialize()
classifier("hello world")
with open("/tmp/train.txt", "w") as target:
    target.write("__label__a hello\n__label__b world\n" * 20)
print(fasttext.train_supervised("/tmp/train.txt", epoch=1, verbose=0).predict("hello"))
