# exit: 0
# success: true
# level: ran
print("tempo 120.2 beats per minute")
