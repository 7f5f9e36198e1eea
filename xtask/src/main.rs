//! The project's own chores: `cargo xtask --help`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user")]

mod abi;
mod bindings;
mod conformance;
mod firmware;
mod firmware_c;
mod header;
mod install;
mod schema;
mod table;
mod xcframework;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own chores.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Write the JSON Schemas of events and policies to `schemas/`.
    Schema {
        /// Change nothing; fail if a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Record what compiled programs rely on in `include/rpmon.h`.
    Abi {
        /// Change nothing; fail if something recorded has changed or is gone.
        #[arg(long)]
        check: bool,
    },
    /// Fill in what is expected of the cases in `testdata/conformance/`.
    Conformance {
        /// Change nothing; fail if a case is not as expected.
        #[arg(long)]
        check: bool,
    },
    /// Write `docs/conformance.md` from what the runners of the languages have found.
    ConformanceTable {
        /// Where they wrote it: `LANGUAGE.txt`, a line for each case that was as expected.
        #[arg(long, value_name = "DIR")]
        results: PathBuf,
        /// Change nothing; fail if the file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Run C on the bare-metal library in QEMU: a measured example, and the conformance cases.
    FirmwareC {
        /// Where to build [default: `target/firmware-c`].
        #[arg(long, value_name = "DIR")]
        target_dir: Option<PathBuf>,
        /// As of `firmware`.
        #[arg(long, value_name = "PATH")]
        rustc: Option<PathBuf>,
    },
    /// Write `include/rpmon.h` from `rpm-ffi`.
    Header {
        /// Change nothing; fail if the file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Write the generated code of the Swift, Kotlin and Python bindings to `bindings/`.
    Bindings {
        /// Change nothing; fail if a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Build the C library and install it: headers, static and shared library, pkg-config, CMake.
    Install {
        /// Where it will be used.
        #[arg(long, value_name = "DIR", default_value = "/usr/local")]
        prefix: PathBuf,
        /// Put the files below this folder, as packages are made.
        #[arg(long, value_name = "DIR")]
        destdir: Option<PathBuf>,
        /// A compiler whose library's source is installed (rust-src): the standard library is then built
        /// for size too, and without what prints backtraces.
        #[arg(long, value_name = "PATH")]
        rustc: Option<PathBuf>,
    },
    /// Build the engine for iPhone, iPhone simulator and Mac: `bindings/swift/RpmonFFI.xcframework`.
    Xcframework {
        /// As of `install`; without it rustup's targets have to be installed.
        #[arg(long, value_name = "PATH")]
        rustc: Option<PathBuf>,
        /// Build nothing: take each target's library from `DIR/TARGET/mobile/`.
        #[arg(long, value_name = "DIR")]
        built: Option<PathBuf>,
    },
    /// Run the bare-metal image in QEMU and on the host, and compare every record.
    Firmware {
        /// Where to build the image [default: `examples/firmware/target`].
        #[arg(long, value_name = "DIR")]
        target_dir: Option<PathBuf>,
        /// A compiler whose library's source is installed (rust-src). Needed when the compiler in use
        /// has no library for the target; `/usr/bin/rustc` is tried then.
        #[arg(long, value_name = "PATH")]
        rustc: Option<PathBuf>,
    },
}

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Schema { check: false } => schema::write(root()),
        Chore::Schema { check: true } => schema::check(root()),
        Chore::Abi { check: false } => abi::write(root()),
        Chore::Abi { check: true } => abi::check(root()),
        Chore::Conformance { check: false } => conformance::write(root()),
        Chore::Conformance { check: true } => conformance::check(root()),
        Chore::ConformanceTable { results, check: false } => table::write(root(), &results),
        Chore::ConformanceTable { results, check: true } => table::check(root(), &results),
        Chore::Header { check: false } => header::write(root()),
        Chore::Header { check: true } => header::check(root()),
        Chore::Install { prefix, destdir, rustc } => {
            install::install(root(), &prefix, destdir.as_deref(), rustc.as_deref())
        }
        Chore::Xcframework { rustc, built } => xcframework::make(root(), rustc.as_deref(), built),
        Chore::FirmwareC { target_dir, rustc } => firmware_c::run(root(), target_dir, rustc),
        Chore::Bindings { check: false } => bindings::write(root()),
        Chore::Bindings { check: true } => bindings::check(root()),
        Chore::Firmware { target_dir, rustc } => firmware::compare(root(), target_dir, rustc),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The repository.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}
