// swift-tools-version:5.9
import Foundation
import PackageDescription

// On Apple's systems the engine comes as an XCFramework, made by `./build-xcframework.sh`. Elsewhere the
// package links `librpmon_mobile`, from RPMON_LIB_DIR or from where
// `cargo build --profile mobile -p rpm-mobile` puts it.
let environment = ProcessInfo.processInfo.environment
let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
let library = environment["RPMON_LIB_DIR"]
    ?? here.appendingPathComponent("../../target/mobile").standardizedFileURL.path

#if canImport(Darwin)
let engine: Target = .binaryTarget(name: "RpmonFFI", path: "RpmonFFI.xcframework")
let linking: [LinkerSetting] = []
#else
let engine: Target = .systemLibrary(name: "RpmonFFI", path: "Sources/RpmonFFI")
let linking: [LinkerSetting] = [
    .linkedLibrary("rpmon_mobile"),
    .unsafeFlags(["-L\(library)", "-Xlinker", "-rpath", "-Xlinker", library]),
]
#endif

let package = Package(
    name: "Rpmon",
    platforms: [.iOS(.v13), .macOS(.v10_15), .watchOS(.v6)],
    products: [
        .library(name: "Rpmon", targets: ["Rpmon"]),
        .executable(name: "rpmon-alerts", targets: ["rpmon-alerts"]),
        .executable(name: "rpmon-bench", targets: ["rpmon-bench"]),
    ],
    targets: [
        engine,
        .target(name: "Rpmon", dependencies: ["RpmonFFI"], linkerSettings: linking),
        .executableTarget(name: "rpmon-alerts", dependencies: ["Rpmon"]),
        .executableTarget(name: "rpmon-bench", dependencies: ["Rpmon"]),
        .testTarget(name: "RpmonTests", dependencies: ["Rpmon"]),
    ]
)
