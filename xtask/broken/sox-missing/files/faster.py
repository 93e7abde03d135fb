"""Plays a tone twice as fast."""
import numpy
import sox

tone = numpy.sin(numpy.arange(16000) / 10)
transformer = sox.Transformer()
transformer.speed(2.0)
faster = transformer.build_array(input_array=tone, sample_rate_in=16000)
print("samples:", len(tone), "then", len(faster))
