import streamlit as st
from sklearn.linear_model import LogisticRegression

model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
st.title("Demo")
value = st.slider("Value", 0.0, 1.0, 0.7)
st.write(model.predict_proba([[value]])[0, 1])
