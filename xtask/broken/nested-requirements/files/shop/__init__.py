from flask import Flask, render_template_string

app = Flask(__name__)


@app.route("/price/<int:count>")
def price(count):
    return render_template_string("<b>{{ amount }} EUR</b>", amount=2 * count)
