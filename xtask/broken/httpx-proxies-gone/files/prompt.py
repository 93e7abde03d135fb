"""Shows where a prompt would be sent to."""
from openai import OpenAI

client = OpenAI(api_key="none", base_url="http://127.0.0.1:9/v1")
print("prompts go to", client.base_url)
