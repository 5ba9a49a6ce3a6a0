#!/usr/bin/env bash
# Builds the images train and serve of the Dockerfile with what there is: docker or podman where they work, otherwise
# buildah without a daemon (chroot isolation, vfs). ./scripts/build_image.sh --help
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'END'
Usage: ./scripts/build_image.sh [train|serve|all]        (default: all)

  BASE=IMAGE       the base image (default: the Dockerfile's own; it needs python3 3.11 or newer with venv)
  BASE=debootstrap make one of Debian's packages, from the mirror that this machine installs from: no image registry
                   is needed (root, the packages buildah and debootstrap)
  EXTRAS=a,b       extras of setup.cfg to bring along, such as dask or postgres
  NAME=NAME        name of the images (default: champion-challenger); the tags are TARGET and TARGET-COMMIT
  CA=FILE          certificates that the building trusts beside its own, for a proxy; kept in no layer
  ENGINE=COMMAND   docker, podman or buildah (default: the first that works)
END
}

case ${1:-all} in
    -h | --help) usage; exit 0 ;;
    train | serve) targets=("$1") ;;
    all) targets=(train serve) ;;
    *) usage >&2; exit 2 ;;
esac

name=${NAME:-champion-challenger}
base=${BASE:-}
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
if [[ $commit != unknown && -n $(git status --porcelain --untracked-files=no -- ds_workflow registry serving) ]]; then
    commit+=+changes
fi

works() { command -v "$1" >/dev/null && timeout 10 "$1" info >/dev/null 2>&1; }
engine=${ENGINE:-}
if [[ -z $engine ]]; then
    for engine in docker podman buildah none; do
        [[ $base == debootstrap && $engine != buildah && $engine != none ]] && continue
        works "$engine" && break
    done
fi
if [[ $engine == none ]] || ! command -v "$engine" >/dev/null; then
    echo "Nothing here builds images. Install docker, podman or buildah (apt-get install buildah)." >&2
    exit 4
fi

# Of these only buildah needs telling that there is no daemon, no namespace and no overlay to be had.
[[ $engine == buildah ]] && export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}

from_packages() {
    local image=localhost/python-of-debian root suite mirror made
    if "$engine" inspect --type image "$image" >/dev/null 2>&1; then
        echo "$image"
        return
    fi
    command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 4; }
    # shellcheck disable=SC1091
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
    root=$(mktemp -d)
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$root" "$mirror" >&2
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    made=$(buildah from scratch)
    buildah add --quiet "$made" "$root" / >&2
    buildah commit --quiet "$made" "$image" >&2
    buildah rm "$made" >&2
    rm -rf "$root"
    echo "$image"
}

[[ $base != debootstrap ]] || base=$(from_packages)
words=(--build-arg "COMMIT=$commit" --build-arg "EXTRAS=${EXTRAS:-}")
[[ -z $base ]] || words+=(--build-arg "BASE=$base")
[[ -z ${CA:-} ]] || words+=(--secret "id=ca,src=$CA")
# The HEALTHCHECK is docker's; its own format keeps it.
[[ $engine != buildah ]] || words+=(--format docker)

for target in "${targets[@]}"; do
    "$engine" build "${words[@]}" --target "$target" --tag "$name:$target" --tag "$name:$target-${commit//+/-}" .
done
