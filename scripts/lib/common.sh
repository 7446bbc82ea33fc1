# Sourced by the scripts: where the tree is, Debian packages, builds.
# shellcheck shell=bash

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)

# Debian's programs first: its Python has the modules that the packages bring, whatever a version
# manager puts in front.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

# What a build needs, by Debian package; the same names on Debian 12 and 13.
# shellcheck disable=SC2034  # read by the scripts that source this file
build_packages=(gcc libc6-dev meson ninja-build pkg-config python3 python3-yaml
    libmicrohttpd-dev libhiredis-dev libjansson-dev uuid-dev libuv1-dev libssl-dev zlib1g-dev
    libsystemd-dev)

# What the tests need besides.
# shellcheck disable=SC2034
test_packages=(libcmocka-dev redis-server redis-tools curl nodejs
    python3-jsonschema python3-prometheus-client prometheus faketime strace
    chromium-headless-shell systemd)

# The programs, in a build directory.
# shellcheck disable=SC2034
program_targets=(src/app/proctrackd src/app/proctrack-run src/app/proctrack-text-stats)

die()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

as_root()
{
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "must be root to install packages, or have sudo: $*"
    fi
}

# Runs a command whose output matters only when it fails.
quietly()
{
    local log code=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || code=$?
    ((code == 0)) || cat -- "$log" >&2
    rm -f -- "$log"
    return "$code"
}

apt_get()
{
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

# Installs those of the packages that are missing.
install_packages()
{
    command -v dpkg-query >/dev/null || die "this needs Debian's packages; elsewhere install what" \
        "README.md lists under Development and use meson directly"
    local package missing=()
    for package; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0
    printf 'Installing %s\n' "${missing[*]}" >&2
    # The package lists may be absent or old: only then is it worth fetching them.
    apt_get install --no-install-recommends "${missing[@]}" >/dev/null 2>&1 </dev/null && return 0
    quietly apt_get update && quietly apt_get install --no-install-recommends "${missing[@]}"
}

# Where this system gets Debian's packages from.
debian_mirror()
{
    local release
    release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # shellcheck disable=SC2016  # apt's own variables
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' |
        awk -v release="$release" '$1 == release && $2 == "main" { uri = $3 } END { print uri }'
}

# set_up_tree DIRECTORY MESON-OPTION…: prepares a build of the tree there; the options count when
# that is done for the first time. A directory that was set up for a tree elsewhere (a copied or
# moved clone) is made anew.
set_up_tree()
{
    local directory=$1
    shift
    if [[ -f $directory/build.ninja && $(build_source "$directory") != "$root" ]]; then
        rm -rf -- "$directory"
    fi
    [[ -f $directory/build.ninja ]] || quietly meson setup "$directory" "$root" "$@"
}

# build DIRECTORY [TARGET…]: all targets if none is named.
build()
{
    quietly ninja -C "$@"
}

# The tree that a build directory was set up for.
build_source()
{
    /usr/bin/python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["directories"]["source"])' \
        "$1/meson-info/meson-info.json" 2>/dev/null || true
}
