"""Writes a tone as MP3 and reads it again."""
from pydub import AudioSegment
from pydub.generators import Sine

Sine(440).to_audio_segment(duration=500).export("tone.mp3", format="mp3")
again = AudioSegment.from_file("tone.mp3")
print("tone of", round(again.duration_seconds, 1), "seconds")
