import gradio as gr
import numpy as np
from sklearn.linear_model import LogisticRegression

model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])


def clear():
    return None, ""


def classify(image, text, threshold):
    score = model.predict_proba([[image.mean() / 255.0]])[0, 1]
    return {"bright": float(score), "dark": float(1 - score)}, text.upper()


with gr.Blocks() as demo:
    image = gr.Image()
    text = gr.Textbox(label="Prompt")
    threshold = gr.Slider(0, 1, 0.5)
    label = gr.Label()
    out = gr.Textbox()
    gr.Button("Clear").click(clear, None, [label, out])
    gr.Button("Classify").click(classify, [image, text, threshold], [label, out])

if __name__ == "__main__":
    demo.launch()
