"""Finds the shortest way through a matrix of distances."""
import networkx as nx
import numpy as np

distances = np.array([[0, 1, 9], [1, 0, 2], [9, 2, 0]])
graph = nx.from_numpy_matrix(distances)
print("shortest:", nx.dijkstra_path_length(graph, 0, 2))
