"""Draws the graph of a small build."""
import graphviz

graph = graphviz.Digraph()
for start, end in [("source", "object"), ("object", "program")]:
    graph.edge(start, end)
picture = graph.pipe(format="svg", encoding="utf-8")
print("edges drawn:", picture.count('class="edge"'))
