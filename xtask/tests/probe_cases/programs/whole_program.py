import model

print(model.infer())
