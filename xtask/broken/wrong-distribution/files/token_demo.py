"""Signs a token and reads it again."""
import jwt

token = jwt.encode({"user": "ann"}, "a secret of thirty-two bytes, or so", algorithm="HS256")
print("token for", jwt.decode(token, "a secret of thirty-two bytes, or so", algorithms=["HS256"])["user"])
