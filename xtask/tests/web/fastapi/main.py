from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.linear_model import LogisticRegression

app = FastAPI()
model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])


class Item(BaseModel):
    values: list[float]
    name: str = "x"


@app.get("/health")
def health():
    return {"ok": True}


@app.post("/predict")
def predict(item: Item):
    return {"score": float(model.predict_proba([[item.values[0]]])[0, 1])}
