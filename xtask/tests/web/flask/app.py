import io

from flask import Flask, request
from PIL import Image
from sklearn.linear_model import LogisticRegression

app = Flask(__name__)
model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])


@app.route("/")
def index():
    return '<form action="/predict" method="post" enctype="multipart/form-data"><input type="file" name="image"><button>Go</button></form>'


@app.route("/predict", methods=["POST"])
def predict():
    image = Image.open(io.BytesIO(request.files["image"].read())).convert("L").resize((1, 1))
    return {"bright": float(model.predict_proba([[image.getpixel((0, 0)) / 255.0]])[0, 1])}


if __name__ == "__main__":
    app.run(debug=False)
