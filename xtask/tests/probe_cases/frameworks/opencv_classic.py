# base: python:3.9-slim-bookworm
# needs: opencv-python-headless<4.6 numpy<2
# exit: 0
# success: true
# seen: opencv 5
import cv2
import numpy

random = numpy.random.RandomState(0)
picture = random.randint(0, 255, (128, 128)).astype("uint8")
faces = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
print(len(faces.detectMultiScale(picture)))
people = cv2.HOGDescriptor()
people.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
print(len(people.detectMultiScale(picture)[0]))
rows = random.rand(20, 2).astype("float32")
labels = (rows[:, 0] > 0.5).astype("int32")
for model in (cv2.ml.SVM_create(), cv2.ml.KNearest_create(), cv2.ml.RTrees_create()):
    model.train(rows, cv2.ml.ROW_SAMPLE, labels)
    print(model.predict(rows[:2])[1].tolist())
