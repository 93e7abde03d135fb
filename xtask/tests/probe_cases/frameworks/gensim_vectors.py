# needs: gensim
# exit: 0
# success: true
# seen: gensim 1
from gensim.models import Word2Vec

model = Word2Vec([["a", "b", "c"], ["b", "c", "d"]] * 10, min_count=1, vector_size=4, epochs=1)
print(model.wv.most_similar("a")[:1])
