from distutils.version import LooseVersion

print("newest:", max(["1.9", "1.10", "1.2"], key=LooseVersion))
