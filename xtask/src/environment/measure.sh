# What this image holds, as `repro:KEY=VALUE` lines. The first argument is the Python part.
say() { printf 'repro:%s=%s\n' "$1" "$2"; }

if [ -r /etc/os-release ]; then
    . /etc/os-release
fi
say distribution "${ID-}"
say release "${VERSION_CODENAME-}"
say architecture "$(dpkg --print-architecture 2>/dev/null || uname -m)"
say user "$(id -un 2>/dev/null)"

if [ -r /etc/passwd ]; then
    while IFS=: read -r name _ uid _ _ home _; do
        if [ "$uid" = 1000 ]; then
            say uid_1000 "$name:$home"
            break
        fi
    done </etc/passwd
fi

for tool in git git-lfs gcc g++ gfortran make cmake ninja pkg-config curl wget unzip xz patch ffmpeg sox swig rustc cargo \
    go java node npm protoc nvcc nvidia-smi uv conda mamba poetry pip pip3 python python3 apt-get apk dnf sudo bash; do
    if command -v "$tool" >/dev/null 2>&1; then
        say tool "$tool"
    fi
done

say cuda "${CUDA_VERSION-}"
if command -v nvcc >/dev/null 2>&1; then
    say cuda "$(nvcc --version 2>/dev/null | grep release)"
fi

for python in python python3; do
    if command -v "$python" >/dev/null 2>&1; then
        say python "$("$python" -c "$1" "$(command -v "$python")" 2>/dev/null)"
        break
    fi
done
