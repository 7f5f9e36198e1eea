// swift-tools-version:5.9
import Foundation
import PackageDescription

// On Apple's systems the engine comes as an XCFramework, made by `cargo xtask xcframework`. Elsewhere the
// package links `librpmon_mobile`, from RPMON_LIB_DIR or from where
// `cargo build --profile mobile -p rpm-mobile` puts it.
let environment = ProcessInfo.processInfo.environment
let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
let library = environment["RPMON_LIB_DIR"]
    ?? here.appendingPathComponent("../../target/mobile").standardizedFileURL.path

#if canImport(Darwin)
let apple = true
#else
// So that this part of the manifest is tested there as well.
let apple = environment["RPMON_XCFRAMEWORK"] != nil
#endif
let engine: Target = apple
    ? .binaryTarget(name: "RpmonFFI", path: "RpmonFFI.xcframework")
    : .systemLibrary(name: "RpmonFFI", path: "Sources/RpmonFFI")
let linking: [LinkerSetting] = apple ? [] : [
    .linkedLibrary("rpmon_mobile"),
    .unsafeFlags(["-L\(library)", "-Xlinker", "-rpath", "-Xlinker", library]),
]

let package = Package(
    name: "Rpmon",
    platforms: [.iOS(.v13), .macOS(.v10_15)],
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
