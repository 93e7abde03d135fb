# Which packages of this image's own distribution bring a file. In: an extended regular expression for the path, without its
# leading slash. Out: lines of the Contents indexes that its own package sources name, `PATH  SECTION/PACKAGE,…`.
# apt fetches these indexes where it is told of them: https://manpages.debian.org/bookworm/apt/apt.conf.5.en.html
set -e
mkdir -p /tmp/lists/partial
target() { printf '%s' "Acquire::IndexTargets::deb::$1::$2=$3"; }
# Debian keeps an index for each component, Ubuntu one for all of them.
apt-get -qq update -o Dir::State::Lists=/tmp/lists \
  -o "$(target own MetaKey '$(COMPONENT)/Contents-$(ARCHITECTURE)')" \
  -o "$(target own ShortDescription Contents)" -o "$(target own Description Contents)" \
  -o "$(target all MetaKey '$(COMPONENT)/Contents-all')" \
  -o "$(target all ShortDescription Contents)" -o "$(target all Description Contents)" \
  -o "$(target one MetaKey 'Contents-$(ARCHITECTURE)')" \
  -o "$(target one ShortDescription Contents)" -o "$(target one Description Contents)" >&2
for file in /tmp/lists/*Contents*; do
  /usr/lib/apt/apt-helper cat-file "$file"
done | grep -E "^($1)[[:space:]]" | head -n 2000 || true
