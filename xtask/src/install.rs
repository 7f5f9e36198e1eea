//! Installs the C library: headers, static and shared library, and what build systems look for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::firmware::rustc_says;

const PROFILE: &str = "c-library";
/// The standard library's own switches: no backtraces, and the smaller of two ways to sort or print.
const STD_FEATURES: &str = "build-std-features=panic-unwind,optimize_for_size";
/// With the standard library: what nothing prints but a panic, its place in the source and values for
/// programmers. No record, error or explanation may be made of them (`{:?}`).
const WITHOUT_DEBUG: [&str; 2] = ["-Zlocation-detail=none", "-Zfmt-debug=none"];

/// What a program that links the static library needs besides, on Linux.
const PRIVATE_LIBRARIES: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";

/// Builds the library for release and copies it to a prefix, as `make install` would. With `destdir` the files
/// go below it and still name the prefix. With `rustc` the standard library is built too.
pub(crate) fn install(
    root: &Path,
    prefix: &Path,
    destdir: Option<&Path>,
    rustc: Option<&Path>,
) -> Outcome {
    let target = build(root, rustc)?;
    let prefix = std::path::absolute(prefix)?;
    let base = match destdir {
        Some(destdir) => destdir.join(prefix.strip_prefix("/").unwrap_or(&prefix)),
        None => prefix.clone(),
    };
    let (include, lib) = (base.join("include"), base.join("lib"));
    let (pkgconfig, cmake) = (lib.join("pkgconfig"), lib.join("cmake/rpmon"));
    for folder in [&include, &lib, &pkgconfig, &cmake] {
        fs::create_dir_all(folder)?;
    }
    for header in ["rpmon.h", "rpmon.hpp"] {
        fs::copy(root.join("include").join(header), include.join(header))?;
    }
    fs::copy(target.join("librpmon.a"), lib.join("librpmon.a"))?;
    let version = env!("CARGO_PKG_VERSION");
    let major = version.split('.').next().unwrap_or_default();
    let (whole, short) = (format!("librpmon.so.{version}"), format!("librpmon.so.{major}"));
    strip(&target.join("librpmon.so"), &lib.join(&whole))?;
    link(&whole, &lib.join(&short))?;
    link(&short, &lib.join("librpmon.so"))?;
    fs::write(pkgconfig.join("rpmon.pc"), pkg_config(&prefix, version))?;
    fs::write(cmake.join("rpmonConfig.cmake"), CMAKE)?;
    fs::write(cmake.join("rpmonConfigVersion.cmake"), cmake_version(version))?;
    let size = fs::metadata(lib.join(&whole))?.len();
    println!("installed below {}: {whole} has {} KiB", base.display(), size / 1024);
    Ok(())
}

fn build(root: &Path, rustc: Option<&Path>) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let mut target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    // Of these types alone: where a Rust library is asked for too, nothing is optimised across crates.
    cargo.args(["rustc", "--lib", "--crate-type", "cdylib,staticlib"]);
    cargo.args(["--locked", "--package", "rpm-ffi", "--profile", PROFILE]);
    if let Some(rustc) = rustc {
        // Building the standard library is a nightly feature of cargo, and asks for a named target.
        let host = rustc_says(&["--print", "host-tuple"])?;
        cargo.args(["--target", &host, "-Z", "build-std=std,panic_unwind", "-Z", STD_FEATURES]);
        cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", rustc);
        // What is given has the last word.
        let given = std::env::var("RUSTFLAGS").unwrap_or_default();
        cargo.env("RUSTFLAGS", format!("{} {given}", WITHOUT_DEBUG.join(" ")));
        target.push(host);
    }
    if !cargo.status()?.success() {
        return Err("the library does not build".into());
    }
    Ok(target.join(PROFILE))
}

fn strip(from: &Path, to: &Path) -> Outcome {
    let _ = fs::remove_file(to);
    let stripped =
        Command::new("strip").arg("--strip-unneeded").arg("-o").arg(to).arg(from).status();
    if !stripped.is_ok_and(|status| status.success()) {
        // Without binutils it is larger, and no worse.
        fs::copy(from, to)?;
    }
    Ok(())
}

fn link(to: &str, at: &Path) -> Outcome {
    let _ = fs::remove_file(at);
    Ok(symlink(to, at)?)
}

fn pkg_config(prefix: &Path, version: &str) -> String {
    format!(
        "prefix={}\nincludedir=${{prefix}}/include\nlibdir=${{prefix}}/lib\n\n\
         Name: rpmon\nDescription: An engine for remote patient monitoring\nVersion: {version}\n\
         Cflags: -I${{includedir}}\nLibs: -L${{libdir}} -lrpmon\nLibs.private: {PRIVATE_LIBRARIES}\n",
        prefix.display()
    )
}

/// Finds what lies beside it, so that the installation may be moved.
const CMAKE: &str = r#"get_filename_component(_rpmon_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET rpmon::rpmon)
  add_library(rpmon::rpmon SHARED IMPORTED)
  set_target_properties(rpmon::rpmon PROPERTIES
    IMPORTED_LOCATION "${_rpmon_prefix}/lib/librpmon.so"
    INTERFACE_INCLUDE_DIRECTORIES "${_rpmon_prefix}/include")
endif()

if(NOT TARGET rpmon::static)
  add_library(rpmon::static STATIC IMPORTED)
  set_target_properties(rpmon::static PROPERTIES
    IMPORTED_LOCATION "${_rpmon_prefix}/lib/librpmon.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_rpmon_prefix}/include"
    INTERFACE_LINK_LIBRARIES "pthread;m;dl")
endif()

unset(_rpmon_prefix)
"#;

/// Before 1.0 a minor version may change things.
fn cmake_version(version: &str) -> String {
    format!(
        "set(PACKAGE_VERSION \"{version}\")\n\
         if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)\n  set(PACKAGE_VERSION_COMPATIBLE FALSE)\n\
         else()\n  set(PACKAGE_VERSION_COMPATIBLE TRUE)\n\
         endif()\n\
         if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)\n  set(PACKAGE_VERSION_EXACT TRUE)\nendif()\n"
    )
}
