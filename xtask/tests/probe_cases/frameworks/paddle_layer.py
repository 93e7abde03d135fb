# needs: paddlepaddle
# apt: libgomp1
# exit: 0
# success: true
# seen: paddle 1
# seen: paddle parameters 16
import paddle

print(paddle.nn.Linear(3, 4)(paddle.zeros([1, 3])).shape)
