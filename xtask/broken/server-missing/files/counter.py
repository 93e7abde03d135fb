"""Counts how often it was run."""
import redis

client = redis.Redis(host="localhost", port=6379)
print("runs:", client.incr("runs"))
