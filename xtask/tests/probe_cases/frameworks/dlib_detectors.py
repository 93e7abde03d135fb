# needs: opencv-python-headless onnxruntime openvino dlib-bin
# exit: 0
# success: true
# seen: dlib 3
# seen: dlib device cpu
import dlib
import numpy

picture = numpy.zeros((100, 100), "uint8")
picture[30:70, 30:70] = 255
print(len(dlib.get_frontal_face_detector()(picture, 1)))
options = dlib.simple_object_detector_training_options()
options.num_threads = 1
box = dlib.rectangle(28, 28, 72, 72)
detector = dlib.train_simple_object_detector([picture] * 2, [[box]] * 2, options)
print([(found.left(), found.top()) for found in detector(picture)])
shape = dlib.full_object_detection(box, [dlib.point(30, 30), dlib.point(70, 70)])
options = dlib.shape_predictor_training_options()
options.cascade_depth = options.tree_depth = 2
options.num_threads = 1
predictor = dlib.train_shape_predictor([picture] * 2, [[shape]] * 2, options)
print([(part.x, part.y) for part in predictor(picture, box).parts()])
