#!/usr/bin/env bash
# Makes RpmonFFI.xcframework, the engine for iPhone, iPhone simulator and Mac, on a Mac with Xcode:
#
#   rustup target add aarch64-apple-ios aarch64-apple-ios-sim x86_64-apple-ios \
#                     aarch64-apple-darwin x86_64-apple-darwin
#   ./build-xcframework.sh            # then open Package.swift in Xcode
#   ./build-xcframework.sh --dry-run  # says what it would do, anywhere
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly ROOT=../..
readonly OUT=RpmonFFI.xcframework
readonly LIBRARY=librpmon_mobile.a
readonly WORK=.build/xcframework
readonly IPHONE=(aarch64-apple-ios)
readonly SIMULATOR=(aarch64-apple-ios-sim x86_64-apple-ios)
readonly MAC=(aarch64-apple-darwin x86_64-apple-darwin)

dry_run=
[[ ${1:-} != --dry-run ]] || dry_run=yes

main() {
    [[ -n $dry_run || $(uname) == Darwin ]] || die "an XCFramework is made on a Mac, with Xcode"
    local target
    for target in "${IPHONE[@]}" "${SIMULATOR[@]}" "${MAC[@]}"; do
        run cargo build --locked --manifest-path "$ROOT/Cargo.toml" --package rpm-mobile \
            --profile mobile --target "$target"
    done
    headers
    run rm -rf "$OUT"
    run xcodebuild -create-xcframework \
        -library "$(joined iphone "${IPHONE[@]}")" -headers "$WORK/include" \
        -library "$(joined simulator "${SIMULATOR[@]}")" -headers "$WORK/include" \
        -library "$(joined mac "${MAC[@]}")" -headers "$WORK/include" \
        -output "$OUT"
    echo "$OUT"
}

# What Swift imports: the generated header, and a module map that names it.
headers() {
    local module=$WORK/include/RpmonFFI
    run rm -rf "$WORK/include"
    run mkdir -p "$module"
    run cp Sources/RpmonFFI/RpmonFFI.h Sources/RpmonFFI/module.modulemap "$module"
}

# joined NAME TARGET...: the static library of one platform; of several processors one file.
joined() {
    local name=$1 libraries=() target
    shift
    for target; do libraries+=("$ROOT/target/$target/mobile/$LIBRARY"); done
    if [[ ${#libraries[@]} -eq 1 ]]; then
        echo "${libraries[0]}"
        return
    fi
    run mkdir -p "$WORK/$name" >&2
    run lipo -create "${libraries[@]}" -output "$WORK/$name/$LIBRARY" >&2
    echo "$WORK/$name/$LIBRARY"
}

run() {
    if [[ -n $dry_run ]]; then printf '%s ' "$@"; echo; else "$@"; fi
}

die() {
    echo "error: $*" >&2
    exit 1
}

main
