//! The engine for Apple's systems: one static library for each of them, in the folder that Xcode and SwiftPM take.
//!
//! The static libraries need no linker, and the folder no tool of Apple's, so that all of it is made on Linux as
//! well; only running it needs a Mac.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

const PROFILE: &str = "mobile";
const LIBRARY: &str = "librpmon_mobile.a";
const MODULE: &str = "RpmonFFI";
/// Of Xcode, of LLVM as Debian names it (older ones fail on newer libraries), and of LLVM.
const LIPO: [&str; 3] = ["lipo", "llvm-lipo-22", "llvm-lipo"];

/// What goes into one library: a system, and its processors.
struct Slice {
    /// Apple's name of the platform.
    platform: &'static str,
    /// `simulator`, or nothing.
    variant: Option<&'static str>,
    /// Apple's name of each processor, and Rust's name of the target.
    targets: &'static [(&'static str, &'static str)],
}

const SLICES: [Slice; 3] = [
    Slice { platform: "ios", variant: None, targets: &[("arm64", "aarch64-apple-ios")] },
    Slice {
        platform: "ios",
        variant: Some("simulator"),
        targets: &[("arm64", "aarch64-apple-ios-sim"), ("x86_64", "x86_64-apple-ios")],
    },
    Slice {
        platform: "macos",
        variant: None,
        targets: &[("arm64", "aarch64-apple-darwin"), ("x86_64", "x86_64-apple-darwin")],
    },
];

/// The oldest systems that the package names.
const OLDEST: [(&str, &str); 2] =
    [("IPHONEOS_DEPLOYMENT_TARGET", "13.0"), ("MACOSX_DEPLOYMENT_TARGET", "10.15")];

/// Builds the library for every target and puts them together. With `rustc` the standard library is built too;
/// with `built` nothing is built.
pub(crate) fn make(root: &Path, rustc: Option<&Path>, built: Option<PathBuf>) -> Outcome {
    let built = match built {
        Some(folder) => folder,
        None => {
            for (_, target) in SLICES.iter().flat_map(|slice| slice.targets) {
                build(root, target, rustc)?;
            }
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
        }
    };
    let framework = root.join("bindings/swift").join(MODULE).with_extension("xcframework");
    assemble(root, &framework, |target| built.join(target).join(PROFILE).join(LIBRARY))?;
    println!("{}", framework.strip_prefix(root)?.display());
    Ok(())
}

fn build(root: &Path, target: &str, rustc: Option<&Path>) -> Outcome {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["rustc", "--lib", "--crate-type", "staticlib", "--locked"]);
    cargo.args(["--package", "rpm-mobile", "--profile", PROFILE, "--target", target]).envs(OLDEST);
    if let Some(rustc) = rustc {
        cargo.args(["-Z", "build-std=std,panic_unwind"]);
        cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", rustc);
    }
    if !cargo.status()?.success() {
        return Err(format!("the library does not build for {target}").into());
    }
    Ok(())
}

/// Lays the folder out: of each slice one library and the headers, and the list of them.
fn assemble(root: &Path, framework: &Path, built: impl Fn(&str) -> PathBuf) -> Outcome {
    if framework.exists() {
        fs::remove_dir_all(framework)?;
    }
    for slice in &SLICES {
        let folder = framework.join(slice.identifier());
        let headers = folder.join("Headers").join(MODULE);
        fs::create_dir_all(&headers)?;
        for file in ["RpmonFFI.h", "module.modulemap"] {
            let source = root.join("bindings/swift/Sources").join(MODULE).join(file);
            fs::copy(source, headers.join(file))?;
        }
        let libraries: Vec<_> = slice.targets.iter().map(|(_, target)| built(target)).collect();
        let library = folder.join(LIBRARY);
        match &libraries[..] {
            [only] => drop(fs::copy(only, &library)?),
            several => lipo(several, &library)?,
        }
        check(slice, &library)?;
    }
    Ok(fs::write(framework.join("Info.plist"), info())?)
}

/// One file of the same library for several processors.
fn lipo(libraries: &[PathBuf], out: &Path) -> Outcome {
    let mut arguments = vec![OsStr::new("-create")];
    arguments.extend(libraries.iter().map(|library| library.as_os_str()));
    arguments.extend([OsStr::new("-output"), out.as_os_str()]);
    run_lipo(&arguments).map(drop)
}

/// Whether a library has what the list says of it.
fn check(slice: &Slice, library: &Path) -> Outcome {
    let found = run_lipo(&[library.as_os_str(), OsStr::new("-archs")])?;
    let mut found: Vec<_> = found.split_whitespace().collect();
    found.sort_unstable();
    let expected: Vec<_> = slice.targets.iter().map(|(processor, _)| *processor).collect();
    if found == expected {
        return Ok(());
    }
    Err(format!("{} is for {found:?}, not {expected:?}", library.display()).into())
}

fn run_lipo(arguments: &[&OsStr]) -> Result<String, Box<dyn Error>> {
    for tool in LIPO {
        // Not found: the next name.
        let Ok(output) = Command::new(tool).args(arguments).output() else { continue };
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout)?);
        }
        return Err(format!("{tool}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Err("no lipo: it comes with Xcode, and with LLVM as llvm-lipo".into())
}

impl Slice {
    /// The name of its folder, as Xcode gives it: `ios-arm64_x86_64-simulator`.
    fn identifier(&self) -> String {
        let processors: Vec<_> = self.targets.iter().map(|(processor, _)| *processor).collect();
        let variant = self.variant.map(|variant| format!("-{variant}")).unwrap_or_default();
        format!("{}-{}{variant}", self.platform, processors.join("_"))
    }

    /// Its entry in the property list.
    fn entry(&self) -> String {
        let mut text = String::from("\t\t<dict>\n");
        let mut pair = |key: &str, value: &str| {
            let _ = writeln!(text, "\t\t\t<key>{key}</key>\n\t\t\t<string>{value}</string>");
        };
        pair("BinaryPath", LIBRARY);
        pair("HeadersPath", "Headers");
        pair("LibraryIdentifier", &self.identifier());
        pair("LibraryPath", LIBRARY);
        text.push_str("\t\t\t<key>SupportedArchitectures</key>\n\t\t\t<array>\n");
        for (processor, _) in self.targets {
            let _ = writeln!(text, "\t\t\t\t<string>{processor}</string>");
        }
        text.push_str("\t\t\t</array>\n");
        let mut pair = |key: &str, value: &str| {
            let _ = writeln!(text, "\t\t\t<key>{key}</key>\n\t\t\t<string>{value}</string>");
        };
        pair("SupportedPlatform", self.platform);
        if let Some(variant) = self.variant {
            pair("SupportedPlatformVariant", variant);
        }
        text + "\t\t</dict>\n"
    }
}

/// What is in the folder, for Xcode.
fn info() -> String {
    let entries: String = SLICES.iter().map(Slice::entry).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n\
         \t<key>AvailableLibraries</key>\n\t<array>\n{entries}\t</array>\n\
         \t<key>CFBundlePackageType</key>\n\t<string>XFWK</string>\n\
         \t<key>XCFrameworkFormatVersion</key>\n\t<string>1.0</string>\n\
         </dict>\n</plist>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `xcodebuild -create-xcframework` names the folders.
    #[test]
    fn folders_have_the_names_that_xcode_gives() {
        let names: Vec<_> = SLICES.iter().map(Slice::identifier).collect();
        assert_eq!(names, ["ios-arm64", "ios-arm64_x86_64-simulator", "macos-arm64_x86_64"]);
        let list = info();
        for name in names {
            assert!(list.contains(&format!("<string>{name}</string>")));
        }
    }
}
