# needs: tensorflow-cpu ai-edge-litert jax[cpu] flax equinox dm-haiku
# exit: 0
# success: false
# because: never called
import tensorflow as tf

x = tf.keras.Input((3,))
inner = tf.keras.Model(x, tf.keras.layers.Dense(2)(x))
y = tf.keras.Input((3,))
tf.keras.Model(y, inner(y)).summary()
